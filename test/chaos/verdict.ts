/** What identifies an event to a writer that was told of its success, before it knows the event's id. */
export interface Fact {
  readonly aggregateId: string;
  readonly version: number;
  /** Such as `JobUpdated`. */
  readonly type: string;
}

/** An event as it was read somewhere. */
export interface SeenEvent extends Fact {
  readonly eventId: string;
  readonly tenantId: string;
  /** In Kafka only. */
  readonly partition?: number;
}

/** An event as it stands in the outbox. */
export interface CommittedEvent extends SeenEvent {
  /** By a person: it is to be published nowhere. */
  readonly discarded: boolean;
}

/** All that is known at the end of a run. */
export interface Evidence {
  /** What the writer was told to be done: each of these events must exist. */
  readonly acknowledged: readonly Fact[];
  readonly committed: readonly CommittedEvent[];
  /** The whole topic, each partition in its order; undefined where there is no Kafka. */
  readonly topic: readonly SeenEvent[] | undefined;
  /** What each stream reader got over its whole life, in the order of arrival. */
  readonly streams: Readonly<Record<string, readonly SeenEvent[]>>;
}

/** One thing that is wrong: where, and with which event. */
export interface Finding {
  readonly where: string;
  readonly event: Fact & { readonly eventId?: string };
  readonly what: string;
}

export interface Verdict {
  /** Committed events that were to be published. */
  readonly events: number;
  readonly lost: Finding[];
  /** On a stream; Kafka has them at least once, its repeats are only counted. */
  readonly repeated: Finding[];
  readonly reordered: Finding[];
  /** Published without being committed, or though a person had discarded them. */
  readonly uncommitted: Finding[];
  readonly topicRepeats: number;
}

/**
 * Judges a run by the four sentences of the design: nothing acknowledged or committed is lost, a stream shows each event
 * once, the events of an aggregate come in order, nothing appears that was not committed.
 */
export function judge(evidence: Evidence): Verdict {
  const { acknowledged, committed, streams } = evidence;
  const topic = evidence.topic ?? [];
  const due = committed.filter((event) => !event.discarded);
  const places = { ...(evidence.topic === undefined ? {} : { Kafka: topic }), ...streams };
  const verdict: Verdict = {
    events: due.length,
    lost: notCommitted(acknowledged, committed),
    repeated: Object.entries(streams).flatMap(([where, seen]) => repeats(where, seen)),
    reordered: moved(topic),
    uncommitted: [],
    topicRepeats: repeats("Kafka", topic).length,
  };
  const known = new Map(committed.map((event) => [event.eventId, event]));
  for (const [where, seen] of Object.entries(places)) {
    const ids = new Set(seen.map((event) => event.eventId));
    for (const event of due) {
      if (!ids.has(event.eventId)) verdict.lost.push({ where, event, what: "is committed and never came" });
    }
    verdict.reordered.push(...disorder(where, seen));
    for (const event of seen) {
      const row = known.get(event.eventId);
      if (row === undefined) verdict.uncommitted.push({ where, event, what: "was never committed" });
      else if (row.discarded) verdict.uncommitted.push({ where, event, what: "was discarded and came all the same" });
    }
  }
  return verdict;
}

/** True when nothing is wrong. */
export function isClean({ lost, repeated, reordered, uncommitted }: Verdict): boolean {
  return lost.length + repeated.length + reordered.length + uncommitted.length === 0;
}

/**
 * The longest time without an arrival, while the writer was writing.
 * @param arrivals milliseconds, ascending
 */
export function longestPause(arrivals: readonly number[], from: number, to: number): number {
  const within = arrivals.filter((at) => at >= from && at <= to);
  return [...within, to].reduce(({ last, longest }, at) => ({ last: at, longest: Math.max(longest, at - last) }), {
    last: from,
    longest: 0,
  }).longest;
}

function notCommitted(acknowledged: readonly Fact[], committed: readonly CommittedEvent[]): Finding[] {
  const facts = new Set(committed.map(factKey));
  return acknowledged
    .filter((fact) => !facts.has(factKey(fact)))
    .map((event) => ({ where: "outbox", event, what: "was acknowledged and is not committed" }));
}

function repeats(where: string, seen: readonly SeenEvent[]): Finding[] {
  const ids = new Set<string>();
  return seen.flatMap((event) => {
    if (ids.has(event.eventId)) return [{ where, event, what: "came again" }];
    ids.add(event.eventId);
    return [];
  });
}

/** Of each event its first occurrence counts: an old one that comes again is a repeat and no disorder. */
function disorder(where: string, seen: readonly SeenEvent[]): Finding[] {
  const ids = new Set<string>();
  const last = new Map<string, SeenEvent>();
  return seen.flatMap((event) => {
    if (ids.has(event.eventId)) return [];
    ids.add(event.eventId);
    const before = last.get(event.aggregateId);
    last.set(event.aggregateId, event);
    if (before === undefined || rank(before) < rank(event)) return [];
    return [{ where, event, what: `came behind ${before.type} of version ${before.version}` }];
  });
}

/** An aggregate's events are in one partition, else their order in Kafka means nothing. */
function moved(topic: readonly SeenEvent[]): Finding[] {
  const partitions = new Map<string, number | undefined>();
  return topic.flatMap((event) => {
    const first = partitions.get(event.aggregateId);
    partitions.set(event.aggregateId, first ?? event.partition);
    if (first === undefined || first === event.partition) return [];
    return [{ where: "Kafka", event, what: `is in partition ${event.partition}, its aggregate began in ${first}` }];
  });
}

/** A change of status has the version of the update that it belongs to, and follows it. */
function rank({ version, type }: Fact): number {
  return version * 2 + (type === "JobStatusChanged" ? 1 : 0);
}

function factKey({ aggregateId, version, type }: Fact): string {
  return `${aggregateId} ${version} ${type}`;
}
