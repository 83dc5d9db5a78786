import { shownUrl } from "../rules.ts";

/** Bytes of an answer that are looked at. */
const ANSWER_BYTES = 500;

/**
 * Posts JSON. A redirect is not followed: only the URL that stands in the file is called.
 * @returns what was answered, in a few words
 * @throws {Error} for anything but a 2xx; its message does not hold the URL's path, which may be a secret
 */
export async function postWebhook(url: string, body: unknown, timeoutMs: number, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "User-Agent": "aetherlink-autoheal" },
    body: JSON.stringify(body),
    redirect: "manual",
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  }).catch((error: unknown) => {
    if (signal.aborted) throw new Error(`${shownUrl(url)} was given up: this server stopped or lost the lead`);
    const late = error instanceof Error && error.name === "TimeoutError";
    throw new Error(
      `${shownUrl(url)} ${late ? `did not answer within ${timeoutMs / 1_000} s` : "could not be reached"}`,
    );
  });
  const reader = response.body?.getReader();
  const first = await reader?.read().catch(() => undefined);
  await reader?.cancel().catch(() => {});
  const answer = `${shownUrl(url)} answered ${response.status}`;
  if (response.ok) return answer;
  const why = new TextDecoder().decode(first?.value?.subarray(0, ANSWER_BYTES)).replaceAll("\0", "").trim();
  throw new Error(why === "" ? answer : `${answer}: ${why}`);
}
