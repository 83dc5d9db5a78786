/** What a question measures with: rounds in turn, parts that end with it, figures and what processes used. */
import { Admin } from "@platformatic/kafka";
import { RunningServer } from "../../test/support/server.ts";
import { Database } from "./database.ts";
import { brokers } from "./needs.ts";
import { memoryMb, tree, treeCpuSeconds, treeMemoryMb } from "./proc.ts";
import type { Figure, Usage } from "./question.ts";

/** Rounds of every measurement. */
const ROUNDS = 5;
/** Seconds of a window in `quick`. */
const QUICK_S = 1;
/** Milliseconds between two looks at the memory of processes. */
const LOOK_MS = 1_000;

interface Part {
  stop(): Promise<unknown>;
}

export class Bench {
  readonly figures: Figure[] = [];
  readonly notes: string[] = [];
  readonly #usage = new Map<string, { during: string; process: string; cores: number[]; peakMb: number }>();
  readonly #parts: Part[] = [];
  readonly #topics: string[] = [];
  #isWarmingUp = false;

  /** @param isQuick one round of short windows: whether it works, not how fast it is */
  constructor(readonly isQuick: boolean) {}

  get rounds(): number {
    return this.isQuick ? 1 : ROUNDS;
  }

  /** A window's length; `quick` cuts it short. */
  seconds(full: number): number {
    return this.isQuick ? Math.min(full, QUICK_S) : full;
  }

  /** A number that `quick` makes smaller. */
  size(full: number, quick: number): number {
    return this.isQuick ? quick : full;
  }

  /** Progress, for people. */
  say(text: string): void {
    process.stderr.write(`  ${text}\n`);
  }

  figure(figure: Figure): void {
    this.figures.push(figure);
  }

  /** A paragraph of Markdown below the table. */
  note(markdown: string): void {
    this.notes.push(markdown);
  }

  /** Stopped when the question ends, however it ends; the last one first. */
  keep<T extends Part>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  async database(settings: Record<string, string> = {}): Promise<Database> {
    return this.keep(await Database.start(settings));
  }

  /** The whole server as its users start it, ready. */
  async server(env: Record<string, string>, command?: string[]): Promise<RunningServer> {
    const quiet = { LOG_FORMAT: "json", OUTBOX_RETENTION_HOURS: "87600", ...env };
    const server = this.keep(new RunningServer({ env: quiet, ...(command === undefined ? {} : { command }) }));
    return await server.ready();
  }

  /** The name of a new topic, which is deleted at the end. */
  topic(): string {
    const topic = `bench-${crypto.randomUUID()}`;
    this.#topics.push(topic);
    return topic;
  }

  /**
   * Measures several things in turn, round after round and each second time in reverse, so that what the machine does
   * beside it meets them all. Each is run once before, uncounted.
   */
  async inTurn<K extends string>(
    measures: Readonly<Record<K, () => Promise<Record<string, number>>>>,
    options: { readonly rounds?: number; readonly warmUp?: boolean } = {},
  ): Promise<Rounds<K>> {
    const { rounds = this.rounds, warmUp = !this.isQuick } = options;
    const all = Object.entries(measures) as [K, () => Promise<Record<string, number>>][];
    this.#isWarmingUp = true;
    if (warmUp) for (const [, measure] of all) await measure();
    this.#isWarmingUp = false;
    const taken = new Rounds<K>();
    for (let round = 0; round < rounds; round++) {
      for (const [name, measure] of round % 2 === 0 ? all : all.toReversed()) {
        const values = await measure();
        taken.add(name, values);
        this.say(`${round + 1}/${rounds} ${name}: ${show(values)}`);
      }
    }
    return taken;
  }

  /**
   * Looks at what processes use, each with all below it, until the function that it returns is called: that gives the CPU
   * seconds of each. Windows of the same name are put together. Of a process with others below it, such as PostgreSQL, the memory
   * is looked at behind the window alone: to count what twenty processes share takes a tenth of a second of a core, and of
   * whoever looks. Each second of a window it made the slowest hundredth of what was measured beside it.
   */
  watch<K extends string>(during: string, processes: Readonly<Record<K, number>>): () => Record<K, number> {
    const all = Object.entries(processes) as [K, number][];
    const began = performance.now();
    const before = new Map(all.map(([name, pid]) => [name, treeCpuSeconds(pid)]));
    const peaks = new Map<K, number>();
    const look = (of: typeof all) => {
      for (const [name, pid] of of) peaks.set(name, Math.max(peaks.get(name) ?? 0, memoryOf(pid)));
    };
    const single = all.filter(([, pid]) => tree(pid).length === 1);
    look(single);
    const timer = setInterval(() => look(single), LOOK_MS);
    return () => {
      clearInterval(timer);
      const elapsed = (performance.now() - began) / 1_000;
      const seconds = all.map(([name, pid]) => [name, treeCpuSeconds(pid) - (before.get(name) ?? 0)] as const);
      look(all);
      for (const [name, used] of seconds) this.used(during, name, used / elapsed, peaks.get(name) ?? Number.NaN);
      return Object.fromEntries(seconds) as Record<K, number>;
    };
  }

  /** Notes what a process used that told it itself. */
  used(during: string, process: string, cores: number, peakMb: number): void {
    if (this.#isWarmingUp) return;
    const key = `${during}\n${process}`;
    const known = this.#usage.get(key);
    if (known === undefined) this.#usage.set(key, { during, process, cores: [cores], peakMb });
    else {
      known.cores.push(cores);
      known.peakMb = Math.max(known.peakMb, peakMb);
    }
  }

  get usage(): Usage[] {
    return [...this.#usage.values()];
  }

  /** Stops every part, and deletes the topics. */
  async end(): Promise<void> {
    for (const part of this.#parts.splice(0).toReversed()) await part.stop();
    if (this.#topics.length === 0) return;
    const admin = new Admin({ clientId: "bench", bootstrapBrokers: brokers.split(",") });
    try {
      const known = await admin.listTopics();
      const topics = this.#topics.filter((topic) => known.includes(topic));
      if (topics.length > 0) await admin.deleteTopics({ topics });
    } finally {
      await admin.close();
    }
  }
}

/** What was measured in rounds. */
export class Rounds<K extends string> {
  readonly #all = new Map<K, Record<string, number>[]>();

  add(name: K, values: Record<string, number>): void {
    this.#all.set(name, [...(this.#all.get(name) ?? []), values]);
  }

  /** One figure of one thing, round by round. */
  of(name: K, figure: string): number[] {
    return (this.#all.get(name) ?? []).map((values) => values[figure] ?? Number.NaN);
  }

  /** One thing to another, within each round. */
  ratio(name: K, to: K, figure: string): number[] {
    const others = this.of(to, figure);
    return this.of(name, figure).map((value, round) => value / (others[round] ?? Number.NaN));
  }
}

/** Of one process its resident memory, of several what they have in common counted once. */
function memoryOf(pid: number): number {
  try {
    return tree(pid).length > 1 ? treeMemoryMb(pid) : memoryMb(pid).now;
  } catch {
    return Number.NaN;
  }
}

function show(values: Record<string, number>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value.toLocaleString("en", { maximumFractionDigits: value < 100 ? 2 : 0 })}`)
    .join(", ");
}
