import type { Bench } from "../harness/bench.ts";
import { Child } from "../harness/child.ts";
import type { LoadAnswer, LoadQuestion } from "./load.ts";
import { Nchan } from "./nchan.ts";
import type { Kind, ServerAnswer, ServerQuestion } from "./server.ts";

/** What a window looked like. */
export type Figures = {
  /** A second, all clients together. */
  readonly deliveries: number;
  /** Milliseconds from publish to client. */
  readonly p50: number;
  readonly p99: number;
  /** CPU of the server for one delivery and for one event, microseconds. */
  readonly serverMicros: number;
  readonly eventMicros: number;
  /** Cores of the server and of the load's client. */
  readonly serverCores: number;
  readonly clientCores: number;
  /** Bytes of a frame. */
  readonly frameBytes: number;
  /** Frames that come in one read of a client. */
  readonly framesARead: number;
  /** Connections that the server ended. */
  readonly lost: number;
};

/** A server with its clients, each a process of its own. */
export class World {
  private constructor(
    private readonly bench: Bench,
    readonly name: string,
    private readonly publisher: Child<ServerQuestion, ServerAnswer>,
    private readonly load: Child<LoadQuestion, LoadAnswer>,
    private readonly port: number,
    /** Of what is measured; with nchan the publisher is not. */
    readonly pid: number,
  ) {}

  static async start(bench: Bench, kind: Kind, name: string = kind): Promise<World> {
    const nchan = kind === "nchan" ? bench.keep(await Nchan.start()) : undefined;
    const publisher = bench.keep(
      new Child<ServerQuestion, ServerAnswer>(`${import.meta.dir}/server.ts`, [kind, `${nchan?.port}`]),
    );
    const load = bench.keep(new Child<LoadQuestion, LoadAnswer>(`${import.meta.dir}/load.ts`));
    const { value } = await publisher.ask({ ask: "port" });
    return new World(bench, name, publisher, load, value, nchan?.pid ?? publisher.pid);
  }

  /** @param sampled every so-manieth client is looked at frame by frame */
  async open(clients: number, sampled: number): Promise<void> {
    await this.load.ask({ ask: "open", port: this.port, clients, sampled });
  }

  /** One more client that reads the headers and then nothing. */
  async addStuck(): Promise<void> {
    await this.load.ask({ ask: "stuck", port: this.port });
  }

  async memoryBytes(): Promise<number> {
    return (await this.publisher.ask({ ask: "memory" })).value;
  }

  /** Publishes for a while; the figures are those of all that arrived. */
  async round(rate: number, seconds: number, together = 1): Promise<Figures> {
    const during = `${this.name}, ${rate === 0 ? "as fast as it can" : `${rate} events/s`}`;
    const publish = (ms: number) => this.publisher.ask({ ask: "publish", rate, ms, together });
    await publish(Math.min(seconds * 1_000, 500));
    await Bun.sleep(200);
    const done = this.bench.watch(during, { server: this.pid, clients: this.load.pid });
    await this.load.ask({ ask: "start" });
    const { value: events } = await publish(seconds * 1_000);
    const answer = await this.load.ask({ ask: "result" });
    const used = done();
    const frameBytes = answer.sampledBytes / answer.frames;
    const delivered = answer.bytes / frameBytes;
    return {
      deliveries: Math.round(delivered / answer.seconds),
      p50: answer.p50,
      p99: answer.p99,
      serverMicros: (used.server * 1e6) / delivered,
      eventMicros: (used.server * 1e6) / events,
      serverCores: used.server / seconds,
      clientCores: used.clients / seconds,
      frameBytes,
      framesARead: delivered / answer.reads,
      lost: answer.lost,
    };
  }

  async stop(): Promise<void> {
    await Promise.all([this.load.stop(), this.publisher.stop()]);
  }
}
