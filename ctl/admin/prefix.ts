/** Prefixes as people type them for routes. */
import { isBad, isEverything, parsePrefix } from "../../mesh/policy/prefix.ts";
import { type Prefix, readPrefix } from "../../mesh/trust/prefix.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { Call } from "../call.ts";

/**
 * Reads a route's prefix.
 * @throws UsageError, GhostError `bad_input` for the whole internet
 */
export function readRoutePrefix(text: string, call: Call): Prefix {
  const range = parsePrefix(text);
  if (isBad(range)) {
    if (range.canonical) throw call.wrong(`"${text}" names a host in a network`, `did you mean ${range.canonical}?`);
    throw call.wrong(`Expected a prefix such as 10.1.1.0/24, got "${text}": ${range.problem}`);
  }
  if (isEverything(range)) {
    throw new GhostError("bad_input", `"${text}" makes an exit node, which is more than a route`, {
      mend: "on the exit node: ghostctl exit-node offer on; then: ghostctl exit-node approve NAME",
    });
  }
  if (!text.includes("/")) {
    throw call.wrong(`"${text}" has no length`, `did you mean ${text}/${range.family === 4 ? 32 : 128}?`);
  }
  try {
    return readPrefix(text, { place: "PREFIX", code: "bad_input" });
  } catch (error) {
    if (error instanceof GhostError) throw call.wrong(error.message);
    throw error;
  }
}
