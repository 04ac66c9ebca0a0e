import assert from "node:assert/strict";
import { type PathFacts, whyNotBetter } from "./why.ts";

const FACTS: PathFacts = {
  rung: "quic",
  ice: "failed",
  reachable: true,
  session: true,
  locals: 1,
  remotes: 1,
  hard: false,
  guess: null,
  refusal: null,
  relay: null,
  relays: null,
};

Deno.test("whyNotBetter() has nothing to say of a direct path, and something of every other", () => {
  assert.equal(whyNotBetter({ ...FACTS, rung: "direct" }), null);
  const cases: [Partial<PathFacts>, RegExp][] = [
    [{}, /no check came through the NATs/],
    [{ hard: true }, /this machine's NAT gives every destination another port/],
    [{ ice: "checking" }, /under way/],
    [{ ice: "checking", guess: "probing 192.0.2.1" }, /probing 192\.0\.2\.1/],
    [{ refusal: "hard", hard: true }, /no guess is made: both machines' NATs/],
    [{ refusal: "off", hard: true, ice: "checking" }, /no guess is made: the peer guesses no ports/],
    [{ ice: "new" }, /has not answered/],
    [{ rung: "none", relay: "all is blocked" }, /no TURN server helps: all is blocked/],
    [{ locals: 0 }, /no address that a peer could reach/],
    [{ remotes: 0 }, /the peer has named no address/],
    [{ ice: "disconnected" }, /died/],
    [{ relays: "no lane: full" }, /no check came through .*; no lane: full$/],
    [{ rung: "none", reachable: false, ice: "new" }, /at no gate that .*: it is off, or cut off/],
    [{ rung: "none", reachable: false }, /at no gate that .*, no TURN server joins the two, and no check/],
    [
      { rung: "none", reachable: false, session: false },
      /^this machine has no session with a gate, no TURN server joins/,
    ],
    [{ rung: "none", reachable: false, session: false, ice: "new" }, /no session .*, and the peer does not answer/],
  ];
  for (const [facts, text] of cases) assert.match(whyNotBetter({ ...FACTS, ...facts })!, text);
});
