import { readFile } from "node:fs/promises";
import shipped from "../../autoheal.json";
import type { Logger } from "../metrics/logger.ts";
import { checkRules, parseRules, type Rules, RulesError } from "./rules.ts";

export interface RulesFileOptions {
  /** AUTOHEAL_FILE. */
  readonly path: string;
  readonly logger: Logger;
  /** Milliseconds between looks at the file. Default 2,000. */
  readonly lookMs?: number;
  /** Told rules that are in force from now on. */
  readonly changed?: (rules: Rules) => void;
}

/** How the file stands, as people are told. */
export interface RulesFileState {
  readonly file: string;
  /** file: as it stands now; built-in: there is none, so those that we ship; last good: it is malformed since. */
  readonly source: "file" | "built-in" | "last good";
  /** When the rules in force were read, RFC 3339, UTC. */
  readonly loadedAt: string;
  /** What is wrong with it now. */
  readonly faults: readonly string[];
}

const LOOK_MS = 2_000;

/**
 * Reads the file as a start does: a server starts with what it was told, or not at all.
 * @returns undefined when there is no such file
 * @throws {RulesError} when it is malformed, or there and cannot be read
 */
export async function readRulesFile(path: string): Promise<{ text: string; rules: Rules } | undefined> {
  try {
    const text = await textOf(path);
    return text === undefined ? undefined : { text, rules: parseRules(text) };
  } catch (error) {
    if (!(error instanceof RulesError)) throw error;
    throw new RulesError(error.lines.map((line) => `AUTOHEAL_FILE: ${path}: ${line}`));
  }
}

/**
 * The rules in force: those of the file, looked at every two seconds by its text, which works for editors, mounted
 * configuration and symbolic links alike. A malformed one keeps the last good rules, and is told once.
 */
export class RulesFile {
  readonly #options: RulesFileOptions;
  #rules: Rules = checkRules(shipped);
  #source: RulesFileState["source"] = "built-in";
  #loadedAt = new Date(0);
  #faults: readonly string[] = [];
  #text: string | undefined;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: RulesFileOptions) {
    this.#options = options;
  }

  get rules(): Rules {
    return this.#rules;
  }

  get state(): RulesFileState {
    const { path: file } = this.#options;
    return { file, source: this.#source, loadedAt: this.#loadedAt.toISOString(), faults: this.#faults };
  }

  /**
   * Reads the file, and from then on looks whether it has changed.
   * @throws {RulesError} when it is malformed
   */
  async start(): Promise<void> {
    const read = await readRulesFile(this.#options.path);
    if (read === undefined) this.#accept(this.#rules, "built-in");
    else this.#accept(read.rules, "file");
    this.#text = read?.text;
    this.#timer ??= setInterval(() => {
      this.#looking ??= this.look().finally(() => {
        this.#looking = undefined;
      });
    }, this.#options.lookMs ?? LOOK_MS);
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#looking;
  }

  /** Looks now. */
  async look(): Promise<void> {
    const { logger, path } = this.#options;
    try {
      const text = await this.#read();
      if (text === this.#text) return;
      this.#text = text;
      if (text === undefined) throw new RulesError(["is gone"]);
      this.#accept(parseRules(text), "file");
      logger.info({ file: path }, "autoheal goes by changed rules");
    } catch (error) {
      if (!(error instanceof RulesError)) throw error;
      // What cannot be read is looked at again and again, and said once.
      const isSaid = this.#source === "last good" && error.lines.join() === this.#faults.join();
      this.#faults = error.lines;
      this.#source = "last good";
      if (!isSaid) {
        const message = "autoheal.json is malformed: the last good rules stay in force";
        logger.error({ file: path, faults: error.lines }, message);
      }
    }
  }

  #accept(rules: Rules, source: RulesFileState["source"]): void {
    this.#rules = rules;
    this.#source = source;
    this.#loadedAt = new Date();
    this.#faults = [];
    this.#options.changed?.(rules);
  }

  async #read(): Promise<string | undefined> {
    try {
      return await textOf(this.#options.path);
    } catch (error) {
      // As it was before, it is news again.
      this.#text = undefined;
      throw error;
    }
  }
}

/**
 * Undefined when there is no such file.
 * @throws {RulesError} when there is one that cannot be read
 */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return undefined;
    throw new RulesError([`cannot be read (${String(code ?? error)})`]);
  }
}
