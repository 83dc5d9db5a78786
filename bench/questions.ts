/** All questions, in the order in which they are asked. */
import type { Question } from "./harness/question.ts";
import { backlog } from "./questions/backlog.ts";
import { fanOut } from "./questions/fan-out.ts";
import { kafka } from "./questions/kafka.ts";
import { latency } from "./questions/latency.ts";
import { reads } from "./questions/reads.ts";
import { relay } from "./questions/relay.ts";
import { stream } from "./questions/stream.ts";
import { takeover } from "./questions/takeover.ts";
import { writes } from "./questions/writes.ts";

export const QUESTIONS: readonly Question[] = [writes, reads, relay, latency, backlog, takeover, kafka, fanOut, stream];
