import assert from "node:assert/strict";
import { type Findings, verdict } from "./verdict.ts";

const WELL: Findings = {
  ipv4: {
    mapping: "endpoint-independent",
    certain: true,
    filtering: "address-and-port-dependent",
    portPreserving: true,
    mapped: null,
  },
  ipv6: false,
  udp: true,
  gates: 1,
  turn: [],
  namedTurn: [],
  sessions: 1,
  coordinator: true,
  portMapped: false,
  clockAheadMs: 400,
};

Deno.test("verdict() is silent when all is well, and plain when only the coordinator's HTTPS is left", () => {
  assert.deepEqual(verdict(WELL), []);
  const blocked = { ...WELL, udp: false, sessions: 0 };
  assert.match(verdict(blocked)[0]!, /everything but the coordinator's HTTPS is blocked/);
  assert.match(verdict({ ...blocked, coordinator: false })[0]!, /nothing can be reached/);
  assert.match(verdict({ ...blocked, gates: 0 })[0]!, /no gate/);
});

Deno.test("verdict() names a hard NAT, a missing STUN answer and an absent coordinator", () => {
  const hard = { ...WELL, ipv4: { ...WELL.ipv4, mapping: "address-and-port-dependent" as const } };
  assert.match(verdict(hard).join(), /every destination another port/);
  assert.deepEqual(verdict({ ...hard, portMapped: true }), []);
  assert.match(verdict({ ...WELL, udp: false }).join(), /no STUN service answers/);
  assert.match(verdict({ ...WELL, coordinator: false }).join(), /coordinator is away/);
});

Deno.test("verdict() says how far and which way the clock is off, even where nothing else works", () => {
  assert.match(verdict({ ...WELL, clockAheadMs: 400_000 })[0]!, /clock is 400 s ahead of the coordinator's: set it/);
  const blocked = { ...WELL, udp: false, sessions: 0, clockAheadMs: -61_000 };
  assert.deepEqual(verdict(blocked).map((line) => /clock is 61 s behind|everything but/.exec(line)?.[0]), [
    "clock is 61 s behind",
    "everything but",
  ]);
  assert.deepEqual(verdict({ ...WELL, clockAheadMs: null }), []);
});

Deno.test("verdict() names the way that is left when UDP is blocked", () => {
  const [first] = verdict({ ...WELL, udp: false, sessions: 0, turn: ["tls"] });
  assert.match(first!, /TURN service over TLS$/);
  const [named] = verdict({ ...WELL, udp: false, sessions: 0, namedTurn: ["tcp"] });
  assert.match(named!, /through a TURN server of ghostlink\.toml over TCP$/);
});
