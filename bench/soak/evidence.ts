/** What a soak has to show at its end, judged by the sentences of the chaos suite. */
import type postgres from "postgres";
import { type CommittedEvent, type Fact, judge, type SeenEvent, type Verdict } from "../../test/chaos/verdict.ts";
import { eventOf } from "../../test/support/kafka.ts";

export interface Sources {
  readonly sql: postgres.Sql;
  readonly topic: string;
  readonly brokers: string;
  readonly files: { readonly stream: string; readonly acknowledged: string };
}

/** Reads the outbox, the whole topic by kcat, what the noting stream saw and what was acknowledged, and compares them. */
export async function gather({ sql, topic, brokers, files }: Sources): Promise<Verdict> {
  const committed: CommittedEvent[] = [];
  const rows = sql<CommittedEvent[]>`
    select event_id::text as "eventId", tenant_id::text as "tenantId", aggregate_id::text as "aggregateId",
      (payload ->> 'version')::int as version, type, discarded_at is not null as discarded
    from outbox_events`;
  for await (const some of rows.cursor(10_000)) committed.push(...some);
  const kcat = ["kcat", "-b", brokers, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%p %s\\n"];
  const child = Bun.spawn(kcat, { stdout: "pipe", stderr: "inherit" });
  const seen: SeenEvent[] = [];
  for await (const line of lines(child.stdout)) {
    const space = line.indexOf(" ");
    seen.push({ ...eventOf(line.slice(space + 1)), partition: Number(line.slice(0, space)) });
  }
  if ((await child.exited) !== 0) throw new Error("kcat could not read the topic");
  const stream: SeenEvent[] = [];
  for await (const line of lines(Bun.file(files.stream).stream())) {
    stream.push(eventOf(JSON.stringify((JSON.parse(line) as { event: unknown }).event)));
  }
  const deletions = new Map(
    committed.filter(({ type }) => type === "JobDeleted").map((e) => [e.aggregateId, e.version]),
  );
  const acknowledged: Fact[] = [];
  for await (const line of lines(Bun.file(files.acknowledged).stream())) {
    const fact = JSON.parse(line) as Fact;
    // The answer to a DELETE does not say which version was the last.
    const version = fact.type === "JobDeleted" ? (deletions.get(fact.aggregateId) ?? fact.version) : fact.version;
    acknowledged.push({ ...fact, version });
  }
  return judge({ acknowledged, committed, topic: seen, streams: { stream } });
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part !== "") yield part;
  }
  if (rest !== "") yield rest;
}
