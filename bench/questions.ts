/** All questions, in the order in which they are asked: those of milliseconds first, those that write gigabytes last. */
import type { Question } from "./harness/question.ts";
import { backlog } from "./questions/backlog.ts";
import { binary } from "./questions/binary.ts";
import { clients } from "./questions/clients.ts";
import { endToEnd } from "./questions/end-to-end.ts";
import { fanOut } from "./questions/fan-out.ts";
import { firstEvent } from "./questions/first-event.ts";
import { growth } from "./questions/growth.ts";
import { kafka } from "./questions/kafka.ts";
import { latency } from "./questions/latency.ts";
import { lists } from "./questions/lists.ts";
import { metrics } from "./questions/metrics.ts";
import { page } from "./questions/page.ts";
import { reads } from "./questions/reads.ts";
import { relay } from "./questions/relay.ts";
import { rolling } from "./questions/rolling.ts";
import { scale } from "./questions/scale.ts";
import { start } from "./questions/start.ts";
import { stream } from "./questions/stream.ts";
import { takeover } from "./questions/takeover.ts";
import { writes } from "./questions/writes.ts";

export const QUESTIONS: readonly Question[] = [
  start,
  firstEvent,
  binary,
  reads,
  writes,
  latency,
  endToEnd,
  stream,
  fanOut,
  clients,
  page,
  takeover,
  rolling,
  metrics,
  kafka,
  lists,
  relay,
  backlog,
  growth,
  scale,
];
