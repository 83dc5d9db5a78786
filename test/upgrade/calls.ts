/** What one request was answered, ids and times left out, so that two servers' answers can be compared. */
export interface Called {
  readonly request: string;
  readonly status: number;
  readonly answer: unknown;
}

/** Everything that the CRM API can be asked for, one after the other, as a client of its first version does. */
export async function callEverything(url: string, tenant: string): Promise<Called[]> {
  const called: Called[] = [];
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}/api/crm/${path}`, {
      method,
      headers: {
        "X-Tenant-Id": tenant,
        ...(body === undefined
          ? {}
          : { "Content-Type": method === "PATCH" ? "application/merge-patch+json" : "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const replayed = response.headers.get("Idempotent-Replayed") === "true" ? " (replayed)" : "";
    called.push({
      request: `${method} ${nameless(path)}${replayed}`,
      status: response.status,
      answer: parsed(nameless(text)),
    });
    return { etag: response.headers.get("etag") ?? "", body: text.startsWith("{") ? JSON.parse(text) : {} };
  };
  const account = await call("POST", "accounts", {
    name: "Berger AG",
    industry: "Construction",
    address: { city: "Köln" },
  });
  const contact = await call("POST", "contacts", {
    name: "Anna Berger",
    email: "anna@example.com",
    accountId: account.body.id,
  });
  const job = {
    title: "Repair the roof",
    accountId: account.body.id,
    contactId: contact.body.id,
    amount: { value: "12.50", currency: "EUR" },
    tags: ["urgent"],
    attributes: { a: { b: 1 } },
  };
  const key = { "Idempotency-Key": crypto.randomUUID() };
  const made = await call("POST", "jobs", job, key);
  await call("POST", "jobs", job, key);
  await call("POST", "jobs", { ...job, title: "Another" }, key);
  await call("POST", "jobs", { title: "", status: "Done" });
  await call("POST", "jobs", { title: "x", accountId: crypto.randomUUID() });
  const batch = await call("POST", "jobs:batch", { jobs: [{ title: "one" }, { title: "two" }] });
  await call(
    "PATCH",
    `jobs/${made.body.id}`,
    { status: "Scheduled", attributes: { a: null } },
    { "If-Match": made.etag },
  );
  await call("PATCH", `jobs/${made.body.id}`, { title: "Too late" }, { "If-Match": made.etag });
  await call("PATCH", `accounts/${account.body.id}`, { phone: "+49 40 123456", address: null });
  await call("PATCH", `contacts/${contact.body.id}`, { email: null });
  for (const path of [`jobs/${made.body.id}`, `accounts/${account.body.id}`, `contacts/${contact.body.id}`]) {
    await call("GET", path);
    await call("GET", `${path}/events`);
  }
  for (const path of [
    "jobs?status=Scheduled",
    "jobs?q=roof",
    "jobs?sort=title",
    "accounts?q=berger",
    "contacts?q=anna",
    "jobs?limit=1",
  ])
    await call("GET", path);
  await call("DELETE", `contacts/${contact.body.id}`);
  await call("DELETE", `jobs/${made.body.id}`);
  await call("DELETE", `jobs/${batch.body.jobs?.[0]?.id}`);
  await call("DELETE", `contacts/${contact.body.id}`);
  await call("DELETE", `accounts/${account.body.id}`);
  await call("GET", `jobs/${made.body.id}`);
  return called;
}

/** Ids, times and cursors are different each time. */
function nameless(text: string): string {
  return (
    text
      .replaceAll(/[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/gi, "<id>")
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
      .replaceAll(/"(next|traceparent|requestId)":"[^"]+"/g, '"$1":"…"')
      .replaceAll(/"(partition|offset)":\d+/g, '"$1":0')
      // Whether the relay has been there already is a matter of milliseconds.
      .replaceAll(/"delivery":\{[^}]*\}/g, '"delivery":{}')
  );
}

function parsed(text: string): unknown {
  return text.startsWith("{") ? JSON.parse(text) : text;
}
