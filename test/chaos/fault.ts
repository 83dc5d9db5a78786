import type { Random } from "./random.ts";
import type { World } from "./world.ts";
import type { Writer } from "./writer.ts";

/** What a fault works with: the world, and the writer that goes on writing meanwhile. */
export interface Scene {
  readonly world: World;
  readonly writer: Writer;
  readonly random: Random;
  /** Counts the runs of the fault from 1 on, for one that has several ways. */
  readonly run: number;
}

/** One way in which things go wrong. It does only that, and lifts it: the harness looks at what became of the events. */
export interface Fault {
  /** Its number in the list of faults. */
  readonly number: number;
  /** A short name for the table. */
  readonly name: string;
  /** What holds in spite of it: the name of its test. */
  readonly sentence: string;
  /** Times that it is done in a run of so many rounds; default once a round. */
  readonly times?: (rounds: number) => number;
  /** Strikes, and resolves when it is lifted. Rejects when what it saw itself was wrong. */
  strike(scene: Scene): Promise<void>;
}
