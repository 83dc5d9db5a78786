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
   * @throws {RulesError} when it is malformed: a server starts with what it was told, or not at all
   */
  async start(): Promise<void> {
    const text = await this.#read();
    if (text !== undefined) {
      try {
        this.#accept(parseRules(text), "file");
      } catch (error) {
        if (!(error instanceof RulesError)) throw error;
        throw new RulesError(error.lines.map((line) => `AUTOHEAL_FILE: ${this.#options.path}: ${line}`));
      }
    } else this.#accept(this.#rules, "built-in");
    this.#text = text;
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
    const text = await this.#read();
    if (text === this.#text) return;
    this.#text = text;
    try {
      if (text === undefined) throw new RulesError(["is gone"]);
      this.#accept(parseRules(text), "file");
      logger.info({ file: path }, "autoheal goes by changed rules");
    } catch (error) {
      if (!(error instanceof RulesError)) throw error;
      this.#faults = error.lines;
      this.#source = "last good";
      logger.error(
        { file: path, faults: error.lines },
        "autoheal.json is malformed: the last good rules stay in force",
      );
    }
  }

  #accept(rules: Rules, source: RulesFileState["source"]): void {
    this.#rules = rules;
    this.#source = source;
    this.#loadedAt = new Date();
    this.#faults = [];
    this.#options.changed?.(rules);
  }

  /** Undefined when there is no such file. */
  async #read(): Promise<string | undefined> {
    const file = Bun.file(this.#options.path);
    try {
      return await file.text();
    } catch {
      return undefined;
    }
  }
}
