/**
 * How far a tier carries, by the utilization law of operational analysis: a station that spends D seconds on an operation can
 * make 1/D of them a second on one core, and what is asked for first where D times the rate is largest is the limit.
 * Source: Denning and Buzen, The Operational Analysis of Queueing Network Models, ACM Computing Surveys 10(3), 1978.
 */

/** Measured CPU time of one operation, microseconds. */
export interface Costs {
  /** The API's process for one write, the relay and the stream in it left out where they are measured apart. */
  readonly write: number;
  /** PostgreSQL for one write. */
  readonly databaseWrite: number;
  /** The relay's process for one event, and PostgreSQL for the same. */
  readonly relay: number;
  readonly databaseRelay: number;
  /** The stream for one delivery to one client. */
  readonly delivery: number;
}

/** What is asked of all of it. */
export interface Demand {
  readonly writesPerSecond: number;
  /** Streams open, each of which gets every event of `seenShare`. */
  readonly streams: number;
  /** Part of the events that a stream's viewer may see: 1 without tenants, 1/tenants with as many alike. */
  readonly seenShare: number;
}

/** Cores of each tier in use. */
export interface Use {
  readonly api: number;
  readonly database: number;
  /** Of the one leader, which can use one. */
  readonly relay: number;
  readonly stream: number;
}

/** Cores that a demand keeps busy. */
export function use(costs: Costs, { writesPerSecond, streams, seenShare }: Demand): Use {
  const cores = (micros: number, perSecond: number) => (micros * perSecond) / 1e6;
  return {
    api: cores(costs.write, writesPerSecond),
    database: cores(costs.databaseWrite + costs.databaseRelay, writesPerSecond),
    relay: cores(costs.relay, writesPerSecond),
    stream: cores(costs.delivery, writesPerSecond * streams * seenShare),
  };
}

/**
 * Writes a second at which the leader is the limit: its one core is busy for the share that it may be.
 * @param busy share of a core, below 1 so that queues stay short
 */
export function leaderLimit(costs: Costs, busy: number): number {
  return (busy * 1e6) / costs.relay;
}

/** Cores of PostgreSQL that are needed before the leader is the limit. */
export function databaseCoresAtLeaderLimit(costs: Costs, busy: number): number {
  return (leaderLimit(costs, busy) * (costs.databaseWrite + costs.databaseRelay)) / 1e6 / busy;
}
