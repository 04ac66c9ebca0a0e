/**
 * What withstands each attack: the check in the source, and what the source would be without it. `deno task attacks:mutate`
 * removes them one by one in a copy and runs the same test, which must then fail; a test that does not would prove nothing.
 * The product itself has no switch for any of this.
 */

/** One change of one file; `check` must be there exactly once. */
export interface Edit {
  file: string;
  check: string;
  without: string;
}

/** A check, and the test that must notice when it is gone. Where two layers hold, both go. */
export interface Mutation {
  what: string;
  test: string;
  edits: readonly Edit[];
}

/** A mutation of one place. */
export const one = (what: string, test: string, file: string, check: string, without: string): Mutation => ({
  what,
  test,
  edits: [{ file, check, without }],
});

/** Signatures of every kind are checked here. */
export const JWS: Edit = {
  file: "mesh/trust/jws.ts",
  check: 'await compactVerify(jws, await publicKey(key, place), { algorithms: ["EdDSA"] });',
  without: "await publicKey(key, place);",
};
