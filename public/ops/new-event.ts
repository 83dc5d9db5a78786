import { html } from "htm/preact";
import { useState } from "preact/hooks";
import type { Commands } from "./commands.ts";
import { Modal } from "./dialog.ts";
import { problemOf } from "./problem.ts";

interface NewEventProps {
  /** Tenant to begin with. */
  readonly tenantId: string;
  readonly commands: Commands;
  onClose(): void;
}

/** What can be made, each with its fields as the API has them. */
const KINDS = {
  job: {
    path: "/api/crm/jobs",
    fields: [
      ["title", "Title", "Repair the roof"],
      ["status", "Status", "Open"],
    ],
  },
  account: { path: "/api/crm/accounts", fields: [["name", "Name", "Northwind Ltd"]] },
  contact: { path: "/api/crm/contacts", fields: [["name", "Name", "Ada Lovelace"]] },
} as const;

type Kind = keyof typeof KINDS;

/** Makes a job, an account or a contact by the API, and with it the first event, without a terminal. */
export function NewEvent({ tenantId, commands, onClose }: NewEventProps) {
  const [kind, setKind] = useState<Kind>("job");
  const [problem, setProblem] = useState("");
  const [isSending, setSending] = useState(false);
  const { path, fields } = KINDS[kind];
  const onSubmit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (isSending || !(event.currentTarget instanceof HTMLFormElement)) return;
    const given = new FormData(event.currentTarget);
    setSending(true);
    setProblem("");
    const failed = await send(
      path,
      String(given.get("tenant")),
      fields.map(([name]) => [name, String(given.get(name))]),
    );
    setSending(false);
    if (failed !== undefined) return setProblem(failed);
    commands.dispatch({ kind: "announce", text: `${kind} created` });
    onClose();
  };
  return html`
    <${Modal} title="New event" onClose=${onClose}>
      <p class="dim">Creates it by the API, as the curl line does. Its event is here as soon as it is committed and published.</p>
      <form class="fields" onSubmit=${onSubmit}>
        <label>What
          <select class="field" value=${kind} onChange=${({ currentTarget }: { currentTarget: HTMLSelectElement }) => setKind(kindOf(currentTarget.value))}>
            <option value="job">Job</option><option value="account">Account</option><option value="contact">Contact</option>
          </select>
        </label>
        ${fields.map(
          ([name, label, example], n) =>
            html`<label key=${`${kind}-${name}`}>${label}<input class="field" name=${name} required defaultValue=${example} autofocus=${n === 0} /></label>`,
        )}
        <label>Tenant<input class="field mono" name="tenant" required defaultValue=${tenantId} spellcheck="false" /></label>
        ${problem !== "" && html`<p class="problem" role="alert">${problem}</p>`}
        <div class="dialog-tools">
          <button class="button" type="button" onClick=${onClose}>Cancel</button>
          <button class="button primary" type="submit" aria-disabled=${isSending ? "true" : undefined}>${isSending ? "Creating…" : "Create"}</button>
        </div>
      </form>
    <//>
  `;
}

function kindOf(value: string): Kind {
  return value === "account" || value === "contact" ? value : "job";
}

/** @returns what went wrong; undefined when nothing did */
async function send(
  path: string,
  tenant: string,
  values: readonly (readonly [string, string])[],
): Promise<string | undefined> {
  try {
    const response = await fetch(path, {
      method: "POST",
      // Sent twice by whatever is between us and the server, it is made once.
      headers: { "Content-Type": "application/json", "X-Tenant-Id": tenant, "Idempotency-Key": idempotencyKey() },
      body: JSON.stringify(Object.fromEntries(values)),
    });
    return response.ok ? undefined : await problemOf(response);
  } catch (error) {
    return `The server cannot be reached: ${error instanceof Error ? error.message : error}`;
  }
}

/** As random as a UUID, which pages have over HTTPS and on localhost alone. */
function idempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
