/** Reading a JSON document from the web: bounded in time and size, and from the address that was asked alone. */
import { concat, fromUtf8, parseJson } from "./encoding.ts";
import { GhostError } from "./errors.ts";

const TIME = 5_000;
const MAX_DOCUMENT = 256 << 10;

/**
 * GET, or POST of a form.
 * @throws GhostError `unreachable`
 */
export async function fetchJson(url: string, o: { form?: URLSearchParams } = {}): Promise<unknown> {
  const place = url.slice(0, 200);
  let response: Response;
  const parts: Uint8Array[] = [];
  try {
    response = await fetch(url, {
      redirect: "error",
      signal: AbortSignal.timeout(TIME),
      headers: { accept: "application/json" },
      ...(o.form ? { method: "POST", body: o.form } : {}),
    });
    let size = 0;
    for await (const part of response.body ?? []) {
      size += part.length;
      if (size > MAX_DOCUMENT) throw new Error(`longer than ${MAX_DOCUMENT} bytes`);
      parts.push(part);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GhostError("unreachable", `Cannot be read: ${why}`, { place, cause });
  }
  let value: unknown;
  try {
    value = parseJson(fromUtf8(concat(parts)), { max: MAX_DOCUMENT });
  } catch (cause) {
    throw new GhostError("unreachable", `Not JSON (status ${response.status})`, { place, cause });
  }
  if (response.ok) return value;
  const { error, error_description: more } = (value ?? {}) as Record<string, unknown>;
  const told = [error, more].filter((text) => typeof text === "string").join(": ");
  throw new GhostError("unreachable", `Refused with status ${response.status}${told ? `: ${told}` : ""}`, { place });
}
