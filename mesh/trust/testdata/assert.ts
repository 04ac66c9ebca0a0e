/** Assertions that the tests of mesh/trust and mesh/wire share. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type ErrorCode, GhostError } from "../../wire/errors.ts";

/** What a GhostError must be: its code, and what its line must match. */
export function ghost(code: ErrorCode, line: RegExp = /./): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof GhostError, `not a GhostError: ${error}`);
    assert.equal(error.code, code, error.line);
    assert.match(error.line, line);
    assert.ok(!error.line.includes("\n"));
    return true;
  };
}

/** Any GhostError at all. */
export function refused(error: unknown): true {
  assert.ok(error instanceof GhostError, `not a GhostError: ${error}`);
  return true;
}

const CHARACTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\u0000é"];

/** A text with one character replaced, left out or put in. */
function mutationOf(text: string): fc.Arbitrary<string> {
  return fc.tuple(
    fc.nat(text.length - 1),
    fc.constantFrom(...CHARACTERS),
    fc.constantFrom("replace", "remove", "insert"),
  ).map(([i, c, how]) => text.slice(0, i) + (how === "remove" ? "" : c) + text.slice(how === "insert" ? i : i + 1))
    .filter((mutated) => mutated !== text);
}

/** Every mutation of `text` must be refused by `verify` with a GhostError. */
export async function everyMutationIsRefused(text: string, verify: (text: string) => Promise<unknown>): Promise<void> {
  await verify(text);
  await fc.assert(
    fc.asyncProperty(mutationOf(text), async (mutated) => {
      await assert.rejects(verify(mutated), refused);
    }),
    { numRuns: 300 },
  );
}
