import type { PublishOutcome, RecordPosition } from "../../src/log/log.ts";

/** The positions of records that were all published; throws the first error otherwise. */
export function positionsOf(outcomes: readonly PublishOutcome[]): RecordPosition[] {
  return outcomes.map((outcome) => {
    if (outcome instanceof Error) throw outcome;
    return outcome;
  });
}
