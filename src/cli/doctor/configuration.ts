import { type Config, ConfigError, describeConfig, readConfig, secretFileVariables } from "../../config.ts";
import { type Finding, failed, off, ok } from "./check.ts";

/** The configuration as far as it can be read: one malformed variable must not keep the rest from being looked at. */
export interface SoundConfig {
  readonly config: Config;
  /** A line for each variable that is malformed; no secret is in them. */
  readonly faults: readonly string[];
  /** Variables that were left out for that. */
  readonly without: ReadonlySet<string>;
}

/** Variables that mean something together only: with one of them wrong the others say nothing. */
const TOGETHER = [/^KAFKA_/, /^(OIDC_|SESSION_SECRET|PUBLIC_URL)/, /^(HOST|AUTH)$/, /^(OUTBOX_BATCH|LOG_RECORDS)$/];

/** Reads the configuration; what is malformed is left out, if need be with what belongs to it. */
export function readSoundConfig(): SoundConfig {
  const faults: string[] = [];
  let without = new Set<string>();
  for (;;) {
    try {
      return { config: readConfig(undefined, without), faults, without };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const lines = error.lines.map((line) => ({ line, name: nameIn(line) }));
      // What is complained of because something that belongs to it was left out is no fault of its own.
      const own = lines.filter(({ name }) => !companionsOf(name).some((other) => without.has(other)));
      faults.push(...own.map(({ line }) => line));
      const names = lines.map(({ name }) => name);
      const more = names.some((name) => !without.has(name)) ? names : names.flatMap(companionsOf);
      without = new Set([...without, ...more]);
    }
  }
}

/** Whether every variable is as it should be. */
export function checkConfiguration({ faults }: SoundConfig): Finding {
  if (faults.length === 0) return ok("every variable can be read");
  return failed(faults.join("; "), "mend these variables; aetherlink serve --help says what each may be");
}

/** Whether each file that holds a secret can be read. */
export function checkSecretFiles({ faults }: SoundConfig): Finding {
  const names = secretFileVariables();
  const unreadable = faults.filter((line) => names.some((name) => line.startsWith(`${name}: `)));
  if (unreadable.length > 0)
    return failed(unreadable.join("; "), "mend the path, or let the user that the server runs as read the file");
  return names.length === 0 ? off("no secret is kept in a file") : ok(`${names.join(", ")}: can be read`);
}

/** The variable that a fault is about: the secret itself where it is its file that is at fault. */
function nameIn(line: string): string {
  const name = line.slice(0, line.indexOf(":"));
  return variables().includes(name) ? name : name.replace(/_FILE$/, "");
}

/** A variable and those that mean something with it only. */
function companionsOf(name: string): string[] {
  const group = TOGETHER.find((pattern) => pattern.test(name));
  return group === undefined ? [name] : variables().filter((other) => group.test(other));
}

function variables(): string[] {
  return describeConfig().map(({ name }) => name);
}
