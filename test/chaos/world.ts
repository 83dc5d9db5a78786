import { LibraryNotFoundError, loadLibrary } from "../../src/kafka/index.ts";
import { makeBelow, makeFolder, removeFolder } from "../support/folder.ts";
import { Broker, missingForKafka, TOPIC } from "../support/kafka.ts";
import { until } from "../support/wait.ts";
import { Database } from "./database.ts";
import { Node } from "./node.ts";
import { StreamReader } from "./reader.ts";
import { compileShim } from "./shim.ts";

const NODES = ["one", "two"];
/** Milliseconds for everything to be well after a fault was lifted; it takes 10 s for a broker's clients to come back. */
const HEALED_MS = 60_000;

/** What keeps the suite from running here, or undefined. */
export function missing(): string | undefined {
  return missingTools() ?? missingForKafka() ?? missingLibrary();
}

/** The same for the part without Kafka. */
export function missingTools(): string | undefined {
  if (process.platform !== "linux") return "Linux";
  if (!Bun.which("cc")) return "cc";
  return undefined;
}

function missingLibrary(): string | undefined {
  try {
    loadLibrary();
    return undefined;
  } catch (error) {
    if (error instanceof LibraryNotFoundError) return "librdkafka (bun run librdkafka)";
    throw error;
  }
}

/** What all faults share: one PostgreSQL, one Kafka, two servers, and for each of those a reader of its stream. */
export class World {
  readonly nodes: Node[] = [];
  readonly readers: StreamReader[] = [];
  /** Ends what was started, also when the start failed half-way. */
  readonly #undo: (() => Promise<void> | void)[] = [];

  private constructor(
    readonly database: Database,
    readonly broker: Broker,
  ) {}

  static async start(): Promise<World> {
    const folder = await makeFolder();
    const library = await compileShim(folder);
    const [database, broker] = await Promise.all([Database.start(folder, library), Broker.start(folder)]);
    const world = new World(database, broker);
    world.#undo.push(
      () => removeFolder(folder),
      () => database.stop(),
      () => broker.stop(),
    );
    try {
      await world.#startNodes(folder, library);
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  /** The server whose relay leads; waits until there is one. */
  async leader(): Promise<Node> {
    let found: Node | undefined;
    await until("a server leads", HEALED_MS, async () => {
      const states = await Promise.all(this.nodes.map((node) => node.relay()));
      found = this.nodes[states.indexOf("leading")];
      return found !== undefined;
    });
    if (found === undefined) throw new Error("no server leads");
    return found;
  }

  /** The other one. */
  otherThan(node: Node): Node {
    const other = this.nodes.find((one) => one !== node);
    if (other === undefined) throw new Error("there is no other server");
    return other;
  }

  /** Starts what is down, undoes what a fault may have left when it failed, and waits until all are ready. */
  async heal(): Promise<void> {
    for (const { shim } of [this.database, ...this.nodes]) {
      shim.setClock(0);
      shim.setFull(false);
    }
    this.broker.thaw();
    if (!this.broker.isRunning) await this.broker.start();
    if (!this.database.isRunning) await this.database.start();
    for (const node of this.nodes) {
      node.thaw();
      if (!node.isRunning) await node.start();
      await until(`server ${node.name} is ready`, HEALED_MS, () => node.isReady());
    }
  }

  async stop(): Promise<void> {
    for (const undo of this.#undo.toReversed()) await undo();
  }

  async #startNodes(folder: string, library: string): Promise<void> {
    const env = {
      DATABASE_URL: this.database.url,
      DATABASE_POOL: "12",
      KAFKA_BROKERS: this.broker.address,
      KAFKA_TOPIC: TOPIC,
      LOG_FORMAT: "json",
      LOG_LEVEL: "info",
    };
    for (const name of NODES) {
      const node = new Node(name, await makeBelow(folder, `server-${name}`), library, env);
      this.nodes.push(node);
      this.#undo.push(() => node.stop());
      await node.start();
    }
    for (const node of this.nodes) {
      const reader = new StreamReader(`stream ${node.name}`, [node, this.otherThan(node)]);
      this.readers.push(reader);
      this.#undo.push(() => reader.stop());
      reader.start();
    }
  }
}
