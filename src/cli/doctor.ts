import { defineCommand, JSON_OPTION } from "./command.ts";
import { make, type Result } from "./doctor/check.ts";
import { prepareChecks } from "./doctor/checks.ts";
import { Exit } from "./exit.ts";

const MARKS = { ok: "✓", failed: "✗", off: "–" } as const;
const COLOURS = { ok: "\x1b[32m", failed: "\x1b[31m", off: "\x1b[2m" } as const;

/** `aetherlink doctor`. */
export const doctor = defineCommand({
  name: "doctor",
  summary: "look at everything that the server needs, and say what to do about what is missing",
  about:
    "✓ is well, ✗ is not, – is not configured or cannot be looked at. Nothing is changed and no secret is shown.\n" +
    "Each check has a time limit of its own. Before the first start migrations are pending and the topic is\n" +
    "missing: the server makes both when it starts, and so do aetherlink migrate and aetherlink topic create.",
  options: { json: JSON_OPTION },
  examples: [
    ["doctor", "before the first start, and when something is wrong"],
    ["doctor --json | jq -r '.checks[] | select(.state == \"failed\") | .name'", "what is wrong, for a script"],
  ],
  failed: "a check failed; what to do stands beside it",
  environment: "all",
  run: async ({ json = false }, _args, { out, packed, colour, now = () => new Date() }) => {
    const checks = prepareChecks({ packed, now });
    const pending = checks.all.map(make);
    const results: Result[] = [];
    // In order, each as soon as it and those before it are made.
    for (const each of pending) {
      const result = await each;
      results.push(result);
      if (!json) out(textOf(result, colour));
    }
    await checks.close();
    const ok = results.every(({ state }) => state !== "failed");
    if (json) out(`${JSON.stringify({ ok, checks: results })}\n`);
    return ok ? Exit.ok : Exit.failed;
  },
});

/** Columns that the name has. */
const NAME = 14;

function textOf({ name, state, text, todo }: Result, colour: boolean): string {
  const mark = colour ? `${COLOURS[state]}${MARKS[state]}\x1b[0m` : MARKS[state];
  return `${mark} ${name.padEnd(NAME)} ${text}\n${todo === undefined ? "" : `${" ".repeat(NAME + 3)}→ ${todo}\n`}`;
}
