import { pruneExpiredKeys } from "../../idempotency/prune.ts";
import type { Trigger } from "../decide.ts";
import type { Parts } from "../parts.ts";
import type { ProbeBoard } from "../probes.ts";
import type { Action, Check } from "../rules.ts";
import { execCommand } from "./exec.ts";
import { requeue } from "./requeue.ts";
import { postWebhook } from "./webhook.ts";

/** An execution: what is to be done, on what, and why. */
export interface Order {
  readonly decisionId: string;
  readonly name: string;
  readonly action: Action;
  readonly target: string;
  readonly cause: string;
  readonly trigger: Trigger;
}

/** What came of it. `error`: it could not be done. `failed`: it was, and did not help. */
export interface Outcome {
  readonly result: "executed" | "failed" | "error";
  readonly detail: string;
}

/** What actions work with. */
export interface Workshop {
  readonly parts: Parts;
  readonly board: Pick<ProbeBoard, "recovers">;
  /** Name of this server. */
  readonly replica: string;
  /** PATH for commands. */
  readonly path: string;
}

/** Keys deleted in one transaction. */
const PRUNE_BATCH = 1_000;
const LOG_MS = 10_000;
/** Seconds for the probe to come back where the file does not say. */
const CHECK_S = 60;
/** Characters of a detail that are kept. */
const DETAIL = 4_000;

/** Does it, then looks whether it helped. Does not reject. */
export async function act(shop: Workshop, order: Order, signal: AbortSignal): Promise<Outcome> {
  try {
    const { detail, helped } = await perform(shop, order, signal);
    const check = checkOf(order);
    if (helped !== undefined) return say(helped ? "executed" : "failed", detail);
    if (check === undefined) return say("executed", detail);
    const recovered = await shop.board.recovers(check.probe, check.withinSeconds * 1_000, signal);
    if (recovered) return say("executed", `${detail}; afterwards ${check.probe} is up`);
    if (signal.aborted) return say("failed", `${detail}; this server stopped or lost the lead before the check`);
    return say("failed", `${detail}; ${check.probe} was not up within ${check.withinSeconds} s`);
  } catch (error) {
    return say("error", error instanceof Error ? error.message : String(error));
  }
}

/** What is looked at afterwards: what the file says, else the probe that asked for it. Of an alert nothing more can be told. */
function checkOf({ action, trigger }: Order): Check | undefined {
  const check = "check" in action ? action.check : undefined;
  return check ?? (trigger.kind === "probe" ? { probe: trigger.probe, withinSeconds: CHECK_S } : undefined);
}

const say = (result: Outcome["result"], detail: string): Outcome => ({ result, detail: detail.slice(0, DETAIL) });

/** True for what every replica does to its own part. */
export function isForAll(type: Action["type"]): boolean {
  return type === "restart-relay" || type === "restart-consumer" || type === "reconnect-log";
}

/** Mends this server's own part. @returns what was done */
export async function mendOwn({ relay, hub, log }: Parts, type: Action["type"]): Promise<string> {
  switch (type) {
    case "restart-relay":
      return (await relay.restart())
        ? "the relay began anew"
        : "the relay is to begin anew as soon as its work under way ends";
    case "restart-consumer":
      hub.restartReader();
      return "the stream's reader began anew";
    case "reconnect-log":
      if (log.care === undefined) throw new Error("the event log is inside this process: there is no connection");
      await log.care.reconnect();
      return "the log's connections were opened anew";
    default:
      throw new TypeError(`${type} is nothing that each replica does by itself`);
  }
}

/** `helped` where the action itself can tell. */
export interface Performed {
  readonly detail: string;
  readonly helped?: boolean;
}

async function perform(shop: Workshop, order: Order, signal: AbortSignal): Promise<Performed> {
  const { parts, replica, path } = shop;
  const { action, target, decisionId, cause, name } = order;
  switch (action.type) {
    case "restart-relay":
    case "restart-consumer":
    case "reconnect-log":
      return { detail: await mendOwn(parts, action.type) };
    case "create-topic": {
      const { care, topic } = parts.log;
      if (care === undefined) throw new Error("the event log is inside this process: its topic is always there");
      const isNew = await care.createTopic(LOG_MS);
      return { detail: isNew ? `topic ${topic} was created` : `topic ${topic} was there already` };
    }
    case "requeue-dead-letters":
      return await requeue(parts.sql, action.limit, decisionId, signal);
    case "prune-idempotency-keys":
      return { detail: `${await pruneExpiredKeys(parts.sql, PRUNE_BATCH)} expired keys were deleted` };
    case "webhook": {
      const { trigger } = order;
      const body = { version: "1", decisionId, action: name, cause, target, replica, trigger };
      return { detail: await postWebhook(action.url, body, action.timeoutSeconds * 1_000, signal) };
    }
    case "exec": {
      const command = action.command.map((word) => (word === "{target}" ? target : word));
      // What an alert says reaches the command as nothing but the names that the file lists.
      const env = { AUTOHEAL_ACTION: name, AUTOHEAL_TARGET: target, AUTOHEAL_DECISION: decisionId };
      const timeoutMs = action.timeoutSeconds * 1_000;
      const { exitCode, killed, output } = await execCommand({ command, env, path, timeoutMs, signal });
      const wrote = output === "" ? "" : `: ${output}`;
      if (killed === "late")
        throw new Error(`it did not end within ${action.timeoutSeconds} s, and was killed${wrote}`);
      if (killed === "aborted") throw new Error(`it was killed: this server stopped or lost the lead${wrote}`);
      if (exitCode !== 0) throw new Error(`it ended with exit code ${exitCode}${wrote}`);
      return { detail: `it ended with exit code 0${wrote}` };
    }
  }
}
