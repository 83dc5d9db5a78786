import type { Packed } from "../../packed.ts";
import { type Check, type Finding, off } from "./check.ts";
import { checkConfiguration, checkSecretFiles, readSoundConfig } from "./configuration.ts";
import { checkMigrations, DatabaseLook } from "./database.ts";
import { IssuerLook } from "./identity.ts";
import { BrokerLook, checkLibrary, loadForDoctor } from "./kafka.ts";
import { checkAutohealFile, checkClock, checkDataFolder, checkPort } from "./machine.ts";
import { checkPrivileges } from "./privileges.ts";

/** Milliseconds for what looks at this machine alone. */
const HERE_MS = 3_000;
/** Milliseconds for what asks another machine; more than the limits of the questions themselves. */
const AWAY_MS = 7_000;
/** Milliseconds for what asks the database when it has answered. */
const AFTER_DATABASE_MS = 12_000;

export interface DoctorOptions {
  readonly packed: Packed;
  now(): Date;
}

/** Every check, in the order in which they are told, and what frees what they opened. */
export interface Checks {
  readonly all: readonly Check[];
  close(): Promise<void>;
}

/** Prepares the checks by the configuration of this process. Connections are opened at once; nothing is changed anywhere. */
export function prepareChecks({ packed, now }: DoctorOptions): Checks {
  const sound = readSoundConfig();
  const { config, without } = sound;
  const database = new DatabaseLook(config, packed);
  const library = loadForDoctor(config, packed);
  const broker = new BrokerLook(config, library);
  const issuer = new IssuerLook(config);
  /** What of the configuration is malformed cannot be looked at. */
  const unless = (variables: readonly string[], look: () => Promise<Finding>) => async () => {
    const malformed = variables.filter((name) => without.has(name));
    return malformed.length > 0 ? off(`${malformed.join(", ")}: see configuration`) : await look();
  };
  const clock = async () => {
    const date = await issuer.date();
    const beside = await database.inside((sql) => checkClock(sql, date, now));
    return beside.state === "off" ? await checkClock(undefined, date, now) : beside;
  };
  const inDatabase = (look: Parameters<DatabaseLook["inside"]>[0]) =>
    unless(["DATABASE_URL"], () => database.inside(look));
  const ofKafka = (look: () => Promise<Finding>) => unless(["KAFKA_BROKERS"], look);
  const all: Check[] = [
    { name: "configuration", limitMs: HERE_MS, look: async () => checkConfiguration(sound) },
    { name: "secret files", limitMs: HERE_MS, look: async () => checkSecretFiles(sound) },
    { name: "database", limitMs: AWAY_MS, look: unless(["DATABASE_URL"], () => database.check()) },
    { name: "privileges", limitMs: AFTER_DATABASE_MS, look: inDatabase(checkPrivileges) },
    { name: "migrations", limitMs: AFTER_DATABASE_MS, look: inDatabase(checkMigrations) },
    { name: "clock", limitMs: AFTER_DATABASE_MS, look: clock },
    { name: "data folder", limitMs: HERE_MS, look: unless(["DATABASE_URL"], () => checkDataFolder(config)) },
    { name: "librdkafka", limitMs: HERE_MS, look: async () => checkLibrary(library, config) },
    { name: "broker", limitMs: AWAY_MS, look: ofKafka(() => broker.checkBrokers()) },
    { name: "topic", limitMs: AWAY_MS, look: ofKafka(() => broker.checkTopic()) },
    { name: "OIDC", limitMs: AFTER_DATABASE_MS, look: unless(["OIDC_ISSUER"], () => issuer.check()) },
    { name: "autoheal file", limitMs: HERE_MS, look: () => checkAutohealFile(config) },
    { name: "port", limitMs: HERE_MS, look: unless(["HOST", "PORT"], () => checkPort(config)) },
  ];
  return {
    all,
    async close() {
      await Promise.all([database.close(), broker.close()]);
    },
  };
}
