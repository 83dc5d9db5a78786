import { html } from "htm/preact";
import type { VNode } from "preact";
import { renderToString } from "preact-render-to-string";
import type { OpenApiDocument } from "./document.ts";
import type { Json } from "./schema.ts";

const METHODS = ["get", "post", "patch", "delete"] as const;

/** One operation of the document, with everything referred to in its place. */
interface Operation {
  readonly method: string;
  readonly path: string;
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly parameters: readonly Json[];
  readonly body: Json | undefined;
  readonly responses: readonly (readonly [status: string, response: Json])[];
}

/**
 * The API described for people, as a whole HTML document without a script: everything is on one page, which a browser
 * searches, prints and reads aloud by itself.
 */
export function renderDocs(
  document: OpenApiDocument,
  assets: { readonly style: string; readonly icon: string },
): string {
  const operations = operationsOf(document);
  const groups = document.tags.map((tag) => ({ ...tag, operations: operations.filter((op) => op.tag === tag.name) }));
  const body = renderToString(html`
    <header>
      <h1>${document.info.title} <small>${document.info.version}</small></h1>
      <p>${document.info.description} <a href="/openapi.json">openapi.json</a> · <a href="/ops/crm-events">Events, live</a></p>
    </header>
    <nav aria-label="Operations">
      ${groups.map((group) => html`<h2>${group.name}</h2><ul>${group.operations.map(navItem)}</ul>`)}
    </nav>
    <main>
      ${groups.map(
        (group) =>
          html`<section><h2>${group.name}</h2><p>${group.description}</p>${group.operations.map(article)}</section>`,
      )}
    </main>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<title>API · AetherLink</title>
<link rel="icon" href="${assets.icon}" type="image/svg+xml">
<link rel="stylesheet" href="${assets.style}">
</head>
<body>
${body}
</body>
</html>
`;
}

function operationsOf(document: OpenApiDocument): Operation[] {
  const whole = resolver(document);
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = asJson(item[method]);
      if (operation === undefined) return [];
      return {
        method: method.toUpperCase(),
        path,
        id: String(operation.operationId),
        tag: String(asList(operation.tags)[0]),
        summary: String(operation.summary),
        parameters: asList(operation.parameters).map(whole).filter(isJson),
        body: asJson(operation.requestBody),
        responses: Object.entries(asJson(operation.responses) ?? {})
          .map(([status, response]) => [status, whole(response) ?? {}] as const)
          .toSorted(([a], [b]) => Number(a) - Number(b)),
      };
    }),
  );
}

const navItem = (op: Operation): VNode =>
  html`<li><a href=${`#${op.id}`}><${Method} name=${op.method} /> ${op.path.replace("/api/crm", "")}</a></li>`;

const Method = ({ name }: { name: string }): VNode =>
  html`<code class=${`method ${name.toLowerCase()}`}>${name}</code>`;

function article(op: Operation): VNode {
  const content = asJson(Object.values(asJson(op.body?.content) ?? {})[0]);
  return html`
    <article id=${op.id}>
      <h3><${Method} name=${op.method} /> <code>${op.path}</code></h3>
      <p>${op.summary}</p>
      ${op.parameters.length > 0 && html`<${Fields} title="Parameters" rows=${op.parameters.map(parameterRow)} />`}
      ${content !== undefined && html`<${Fields} title="Body" rows=${fieldRows(asJson(content.schema) ?? {})} />`}
      ${op.path.startsWith("/api/") && html`<pre><code>${curl(op, content?.example)}</code></pre>`}
      <h4>Answers</h4>
      <dl>${op.responses.map(answer)}</dl>
    </article>`;
}

function answer([status, response]: readonly [string, Json]): VNode {
  const content = asJson(Object.values(asJson(response.content) ?? {})[0]);
  const headers = Object.keys(asJson(response.headers) ?? {});
  return html`
    <dt><code class=${`status s${status[0]}`}>${status}</code></dt>
    <dd>
      ${response.description}
      ${headers.length > 0 && html`<small> Headers: ${headers.join(", ")}</small>`}
      ${
        content?.example !== undefined &&
        html`<details><summary>Example</summary><pre><code>${JSON.stringify(content.example, null, 2)}</code></pre></details>`
      }
    </dd>`;
}

interface Row {
  readonly name: string;
  readonly type: string;
  readonly text: string;
}

function Fields({ title, rows }: { title: string; rows: readonly Row[] }): VNode {
  return html`
    <h4>${title}</h4>
    <div class="table"><table>
      ${rows.map((row) => html`<tr><th scope="row"><code>${row.name}</code></th><td>${row.type}</td><td>${row.text}</td></tr>`)}
    </table></div>`;
}

function parameterRow(parameter: Json): Row {
  const where = parameter.in === "query" ? "" : ` (${parameter.in})`;
  const required = parameter.required === true ? ", required" : "";
  const schema = asJson(parameter.schema) ?? {};
  return {
    name: String(parameter.name),
    type: `${typeOf(schema)}${where}${required}`,
    text: String(parameter.description ?? ""),
  };
}

function fieldRows(schema: Json, prefix = ""): Row[] {
  const required = asList(schema.required);
  return Object.entries(asJson(schema.properties) ?? {}).flatMap(([name, value]) => {
    const field = asJson(value) ?? {};
    const needed = required.includes(name) ? ", required" : "";
    const fallback = field.default === undefined ? "" : `Default ${JSON.stringify(field.default)}.`;
    const row = { name: `${prefix}${name}`, type: `${typeOf(field)}${needed}`, text: fallback };
    const inner = asJson(asList(field.anyOf)[0]) ?? asJson(field.items) ?? field;
    return [row, ...fieldRows(inner, `${prefix}${name}${field.items === undefined ? "" : "[]"}.`)];
  });
}

/** A schema in a few words. */
function typeOf(schema: Json): string {
  const options = asList(schema.anyOf).filter(isJson);
  if (options.length > 0) return options.map(typeOf).join(" or ");
  const choices = asList(schema.enum);
  if (choices.length > 0) return choices.join(" | ");
  const type = [schema.type].flat().join(" or ");
  const format = typeof schema.format === "string" ? ` (${schema.format})` : "";
  const length = typeof schema.maxLength === "number" ? `, at most ${schema.maxLength}` : "";
  const range = typeof schema.maximum === "number" ? ` ${schema.minimum} to ${schema.maximum}` : "";
  return `${type}${format}${length}${range}`;
}

function curl(op: Operation, example: unknown): string {
  const lines = [
    `curl -X ${op.method} http://localhost:9010${op.path.replace("{id}", "$ID").replace("{eventId}", "$EVENT")}`,
  ];
  const header = (name: string) =>
    op.parameters.find((parameter) => parameter.name === name && parameter.in === "header");
  for (const name of ["X-Tenant-Id", "Idempotency-Key", "If-Match"]) {
    const parameter = header(name);
    if (parameter !== undefined) lines.push(`-H '${name}: ${String(parameter.example)}'`);
  }
  if (op.body !== undefined) {
    lines.push(
      `-H 'Content-Type: ${Object.keys(asJson(op.body.content) ?? {})[0]}'`,
      `-d '${JSON.stringify(example ?? {})}'`,
    );
  }
  return lines.join(" \\\n  ");
}

/** Puts what a `$ref` names in its place. */
function resolver(document: OpenApiDocument): (part: unknown) => Json | undefined {
  return (part) => {
    const json = asJson(part);
    if (typeof json?.$ref !== "string") return json;
    const [, , kind = "", name = ""] = json.$ref.split("/");
    return asJson(asJson(document.components[kind])?.[name]);
  };
}

function asJson(value: unknown): Json | undefined {
  return isJson(value) ? value : undefined;
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
