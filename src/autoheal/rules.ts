import { z } from "zod";

/** What can be done. The first six are parts of our own; the last two reach outside, so they are dry runs unless said otherwise. */
export const ACTION_TYPES = [
  "restart-relay",
  "restart-consumer",
  "reconnect-log",
  "create-topic",
  "requeue-dead-letters",
  "prune-idempotency-keys",
  "webhook",
  "exec",
] as const;
export type ActionType = (typeof ACTION_TYPES)[number];

/** What is looked at, each about once a second. */
export const PROBES = ["database", "broker", "topic", "relay", "stream"] as const;
export type ProbeName = (typeof PROBES)[number];

/** A server has few things that it can do, and its metrics a series for each. */
const MAX_ACTIONS = 30;
const MAX_RULES = 100;

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, "must be 1 to 40 lower case letters, digits or hyphens, and begin with a letter");
const whole = (min: number, max: number) => {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z.int(rule).min(min, rule).max(max, rule);
};
const words = (max: number) => {
  const rule = `must be text of 1 to ${max} characters`;
  return z
    .string(rule)
    .min(1, rule)
    .max(max, rule)
    .refine((text) => !text.includes("\0"), "must not contain NUL");
};

const check = z.strictObject({
  probe: z.enum(PROBES, { error: `must be one of ${PROBES.join(", ")}` }),
  withinSeconds: whole(1, 600),
});

/** The probe that has to be up afterwards, and when at the latest. */
export type Check = z.output<typeof check>;

const breaker = z
  .strictObject({ failures: whole(1, 100).default(3), openSeconds: whole(1, 86_400).default(600) })
  .prefault({});

/** What every action has. */
const common = {
  /** Seconds between two executions on the same target, from start to start. */
  cooldownSeconds: whole(1, 86_400).default(60),
  /** Executions in any hour, on all targets together. */
  maxPerHour: whole(1, 1_000).default(6),
  /** After so many failures in a row it is not tried for so long, then once. */
  breaker,
};
const inside = { ...common, dryRun: z.boolean().default(false) };
const outside = {
  ...common,
  dryRun: z.boolean().default(true),
  /** The only things that it may be done to. A rule takes one by name, or by an alert's label that has to be one of them. */
  targets: z.array(words(100)).max(100).default([]),
  timeoutSeconds: whole(1, 600).default(10),
  /** Missing: the probe that asked for it, within a minute; where an alert did, the exit code or answer alone tells. */
  check: check.optional(),
};
const checked = (probe: ProbeName, withinSeconds: number) => check.default({ probe, withinSeconds });

const httpUrl = z.string().refine((text) => {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
}, "must be an http or https URL without a user");

const actionSchema = z.discriminatedUnion(
  "type",
  [
    z.strictObject({ type: z.literal("restart-relay"), ...inside, check: checked("relay", 15) }),
    z.strictObject({ type: z.literal("restart-consumer"), ...inside, check: checked("stream", 15) }),
    z.strictObject({ type: z.literal("reconnect-log"), ...inside, check: checked("broker", 15) }),
    z.strictObject({ type: z.literal("create-topic"), ...inside, check: checked("topic", 15) }),
    z.strictObject({ type: z.literal("requeue-dead-letters"), ...inside, limit: whole(1, 1_000).default(20) }),
    z.strictObject({ type: z.literal("prune-idempotency-keys"), ...inside }),
    z.strictObject({ type: z.literal("webhook"), ...outside, url: httpUrl }),
    z.strictObject({
      type: z.literal("exec"),
      ...outside,
      /** Program and arguments, run without a shell. An argument that is `{target}` is the target. */
      command: z.array(words(2_000)).min(1, "must name a program").max(50),
    }),
  ],
  { error: (issue) => (issue.code === "invalid_union" ? `must be one of ${ACTION_TYPES.join(", ")}` : undefined) },
);
/** An action that the file allows. */
export type Action = z.output<typeof actionSchema>;

const target = z.union([words(100), z.strictObject({ label: words(100) })], {
  error: 'must be one of the action\'s targets, or {"label": "…"}',
});
const probeRule = z.strictObject({
  probe: z.enum(PROBES, { error: `must be one of ${PROBES.join(", ")}` }),
  /** How long it has to be down. */
  forSeconds: whole(0, 3_600).default(1),
  action: name,
  target: target.optional(),
});
const alertRule = z.strictObject({
  alert: words(200),
  /** Labels that the alert must have, with these very values. */
  labels: z.record(words(100), z.string().max(1_000)).default({}),
  action: name,
  target: target.optional(),
});
/** When which action is taken. */
export type Rule = z.output<typeof probeRule> | z.output<typeof alertRule>;

const ruleSchema = z.union([probeRule, alertRule], {
  error: (issue) => (issue.code === "invalid_union" ? "must have probe or alert, and action" : undefined),
});

const rulesSchema = z
  .strictObject({
    $schema: z.string().optional(),
    /** Nothing is executed at all. */
    dryRun: z.boolean().default(false),
    /** Seconds for which a firing alert that was decided on is not looked at again. */
    deduplicateSeconds: whole(1, 86_400).default(30),
    /** Days for which the audit is kept. */
    auditDays: whole(1, 3_650).default(90),
    actions: z
      .record(name, actionSchema)
      .refine((all) => Object.keys(all).length <= MAX_ACTIONS, `must have at most ${MAX_ACTIONS} actions`),
    rules: z.array(ruleSchema).max(MAX_RULES, `must have at most ${MAX_RULES} rules`),
  })
  .superRefine((rules, context) => {
    for (const [i, rule] of rules.rules.entries()) {
      const fault = ruleFault(rule, rules.actions);
      if (fault !== undefined)
        context.addIssue({ code: "custom", path: ["rules", i, ...fault.path], message: fault.is });
    }
    for (const [key, action] of Object.entries(rules.actions)) {
      if (action.type !== "exec") continue;
      if (action.command.includes("{target}") && action.targets.length === 0) {
        const message = "must list what {target} may be";
        context.addIssue({ code: "custom", path: ["actions", key, "targets"], message });
      }
      // It would reach the program as it stands here.
      for (const [i, word] of action.command.entries()) {
        if (word === "{target}" || !word.includes("{target}")) continue;
        const message = "must be {target} alone, or not have it";
        context.addIssue({ code: "custom", path: ["actions", key, "command", i], message });
      }
    }
  });
/** What autoheal.json says, with every default in its place. */
export type Rules = z.output<typeof rulesSchema>;

/** A malformed file. `lines` has one readable line for each fault. */
export class RulesError extends Error {
  override readonly name = "RulesError";
  constructor(readonly lines: readonly string[]) {
    super(lines.join("\n"));
  }
}

/**
 * Reads the text of autoheal.json.
 * @throws {RulesError} with every fault at once, each with its JSON pointer
 */
export function parseRules(text: string): Rules {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RulesError([`is not JSON: ${error instanceof Error ? error.message : String(error)}`]);
  }
  return checkRules(value);
}

/** As `parseRules`, of what was parsed already. */
export function checkRules(value: unknown): Rules {
  const parsed = rulesSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RulesError(parsed.error.issues.flatMap(linesOf));
}

/** Where a webhook goes, without path and query, which may be a secret. */
export function shownUrl(url: string): string {
  return new URL(url).origin;
}

/** The targets that an action may have; a part of our own has none. */
export function targetsOf(action: Action): readonly string[] {
  return action.type === "exec" || action.type === "webhook" ? action.targets : [];
}

function ruleFault(rule: Rule, actions: Readonly<Record<string, Action>>): { path: string[]; is: string } | undefined {
  const action = Object.hasOwn(actions, rule.action) ? actions[rule.action] : undefined;
  if (action === undefined)
    return { path: ["action"], is: `must be one of the actions: ${Object.keys(actions).join(", ")}` };
  const targets = targetsOf(action);
  if (rule.target === undefined) {
    return targets.length === 0 ? undefined : { path: ["target"], is: `is missing: ${targets.join(", ")}` };
  }
  if (typeof rule.target === "string") {
    return targets.includes(rule.target) ? undefined : { path: ["target"], is: "must be one of the action's targets" };
  }
  if ("probe" in rule) return { path: ["target"], is: "must be a name: a probe has no labels" };
  return targets.length > 0 ? undefined : { path: ["target"], is: "must be missing: the action has no targets" };
}

function linesOf(issue: z.core.$ZodIssue): string[] {
  // Of a union the branch that fits best is the one with the fewest faults.
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const best = issue.errors.toSorted((a, b) => a.length - b.length)[0] ?? [];
    if (best.length > 0) return best.flatMap((inner) => linesOf({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  if (issue.code === "invalid_key") return issue.issues.flatMap((inner) => linesOf({ ...inner, path: issue.path }));
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : issue.path;
  const what = issue.code === "unrecognized_keys" ? "is not known here" : issue.message;
  return [`#${path.map((step) => `/${String(step)}`).join("")} ${what}`];
}
