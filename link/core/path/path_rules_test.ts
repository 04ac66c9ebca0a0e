/** What holds for a path whatever happens. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { PathAction, PathEvent } from "./mod.ts";
import { Bench, eventsOf, type GateEvent, OTHER, selected, T0 } from "./testdata/bench.ts";

Deno.test("Path keeps its rules whatever happens", () => {
  const event: fc.Arbitrary<PathEvent | GateEvent> = fc.oneof(
    fc.constantFrom<PathEvent | GateEvent>(
      { kind: "gateUp" },
      { kind: "gateDown" },
      { kind: "peerOnline" },
      { kind: "peerOffline" },
      { kind: "iceStarted" },
      selected(),
      selected(OTHER),
      { kind: "iceConsentLost" },
      { kind: "iceFailed" },
      { kind: "wgHandshakeStale" },
      { kind: "mappingChanged" },
      { kind: "peerMappingChanged" },
      { kind: "networkChanged" },
      { kind: "tick" },
    ),
    fc.record({
      kind: fc.constant("peerMoved" as const),
      rung: fc.constantFrom("direct", "quic", "none", "pigeon"),
      serial: fc.nat(100),
    }),
    fc.record({ kind: fc.constant("peerMovedAck" as const), serial: fc.nat(5).map((n) => T0 + n) }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.nat(3_000)), { maxLength: 60 }), (steps) => {
      const bench = new Bench();
      let bridge = false;
      let inUse = "none";
      let serial = 0;
      const look = (actions: PathAction[]) => {
        for (const action of actions) {
          if (action.kind === "bridgeLateRelayed") bridge = action.on;
          if (action.kind === "use") {
            inUse = action.rung;
            assert.equal(bridge, inUse === "direct", "the bridge is on exactly while direct is in use");
          }
          if (action.kind === "sendMoved") {
            assert.ok(action.serial >= serial);
            serial = action.serial;
            assert.equal(action.rung, inUse);
          }
          if (action.kind === "release") assert.notEqual(action.rung, inUse);
        }
      };
      for (const [what, wait] of steps) {
        const end = bench.now + wait;
        for (let at = bench.path.nextDeadline(); at !== null && at <= end; at = bench.path.nextDeadline()) {
          bench.now = Math.max(bench.now, at);
          look(bench.path.handle({ kind: "tick" }, bench.now));
          assert.ok((bench.path.nextDeadline() ?? Infinity) > bench.now, "asks for the same moment again");
        }
        bench.now = end;
        for (const event of eventsOf(what)) look(bench.path.handle(event, bench.now));
        assert.equal(bench.path.view.rung, inUse);
      }
    }),
    { numRuns: 500 },
  );
});
