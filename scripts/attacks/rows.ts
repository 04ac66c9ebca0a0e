/** The attacks that GhostMesh withstands, by the numbers that tests, SECURITY.md and `deno task attacks` use. */
export const ROWS: readonly { row: number; attack: string }[] = [
  { row: 1, attack: "many joins at once with a one-use token" },
  { row: 2, attack: "secrets told by how long a comparison takes" },
  { row: 3, attack: "an OIDC identity taken over by its e-mail" },
  { row: 4, attack: "the daemon's local API from a browser, the network or another user" },
  { row: 5, attack: "forged, twisted and replayed proofs and records" },
  { row: 6, attack: "other spellings of paths and prefixes" },
  { row: 7, attack: "every endpoint by every role" },
  { row: 8, attack: "debug and shutdown routes" },
  { row: 9, attack: "a revocation evaded by re-encoding" },
  { row: 15, attack: "the relay talked into addresses of the gate's own site" },
  { row: 16, attack: "floods and amplification at the gate's ports" },
  { row: 17, attack: "a coordinator that lies" },
  { row: 18, attack: "a gate that lies" },
  { row: 19, attack: "identity headers that anybody can send" },
  { row: 22, attack: "default admins and a second set-up" },
  { row: 25, attack: "our own names through our own resolver" },
];
