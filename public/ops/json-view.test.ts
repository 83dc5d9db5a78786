import { expect, test } from "bun:test";
import fc from "fast-check";
import { html } from "htm/preact";
import { renderToString } from "preact-render-to-string";
import { formatJson, JsonView, MAX_JSON } from "./json-view.ts";

const render = (value: unknown) => renderToString(html`<${JsonView} value=${value} onTerm=${() => {}} />`);

/** What a browser shows of it. */
async function shown(value: unknown): Promise<string> {
  let text = "";
  const rewriter = new HTMLRewriter().on("pre", {
    text: (chunk) => {
      text += chunk.text;
    },
  });
  await rewriter.transform(new Response(render(value))).text();
  return text
    .replace(/&lt;/g, "<")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&");
}

test("whatever an event is, what is shown of it is its JSON, indented", async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (value) => {
      expect(await shown(value)).toBe(formatJson(value));
    }),
  );
});

test("values that the filter has a key for are links to the events that have them", () => {
  const value = {
    partition: 0,
    value: { eventId: "e", data: { status: "Open", tags: ["a b"] } },
    headers: { traceparent: "00-1" },
  };
  const links = [...render(value).matchAll(/href="\/ops\/crm-events\?filter=([^"]*)"/g)].map(([, filter]) =>
    decodeURIComponent(filter ?? ""),
  );
  expect(links).toEqual(["partition:0", "event:e", "status:Open", 'data.tags:"a+b"', "header.traceparent:00-1"]);
});

test("what is too long to be shown is cut, and says by how much", async () => {
  const text = await shown({ value: "x".repeat(200_000) });
  expect(text.length).toBeLessThan(MAX_JSON + 100);
  expect(text).toContain("more characters are not shown");
});
