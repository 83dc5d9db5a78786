/** All questions, in the order in which they are asked. */
import type { Question } from "./harness/question.ts";
import { reads } from "./questions/reads.ts";
import { writes } from "./questions/writes.ts";

export const QUESTIONS: readonly Question[] = [writes, reads];
