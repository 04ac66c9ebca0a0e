import assert from "node:assert/strict";
import { seeded } from "../../../mesh/wire/stun/testdata/crypto.ts";
import { Path, type PathAction, type PathEvent, type SelectedPair } from "./mod.ts";

/**
 * Two ends with WireGuard's habit: one endpoint, which roams to wherever the last authentic packet seems to come from. Packets
 * go every millisecond each way; the relay is slow and the direct path fast, so packets overtake each other on every climb.
 */
const RELAY_MS = 40;
const DIRECT_MS = 5;
const SIGNAL_MS = 60;

type Way = "relay" | "direct";

interface Flight {
  at: number;
  act: () => void;
}

class Duel {
  now = 1_000_000;
  directWorks = { ab: true, ba: true };
  readonly random: () => number;
  readonly a: End;
  readonly b: End;
  #flights: Flight[] = [];

  constructor(seed: number) {
    this.random = seeded(seed);
    this.a = new End(this, "ab");
    this.b = new End(this, "ba");
    this.a.other = this.b;
    this.b.other = this.a;
  }

  after(ms: number, act: () => void): void {
    this.#flights.push({ at: this.now + ms, act });
  }

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now++) {
      const due = this.#flights.filter(({ at }) => at <= this.now);
      this.#flights = this.#flights.filter(({ at }) => at > this.now);
      for (const { act } of due) act();
      for (const one of [this.a, this.b]) one.step();
    }
  }
}

class End {
  readonly path = new Path();
  readonly duel: Duel;
  readonly way: "ab" | "ba";
  other!: End;
  /** WireGuard's endpoint for the peer. */
  endpoint: Way | null = null;
  bridge = false;
  changes: string[] = [];
  sent = 0;
  got = 0;
  iceAsked = 0;

  constructor(duel: Duel, way: "ab" | "ba") {
    this.duel = duel;
    this.way = way;
  }

  gateUp(): void {
    for (const kind of ["wgConfigured", "wgHeard"] as const) this.tell({ kind });
    this.tell({ kind: "relayUp", relay: { rung: "quic", rank: 2, endpoint: null, rttMs: null, wireguard: null } });
    this.tell({ kind: "peerOnline" });
  }

  tell(event: PathEvent): void {
    for (const action of this.path.handle(event, this.duel.now)) this.#do(action);
  }

  #do(action: PathAction): void {
    const { duel, other } = this;
    if (action.kind === "use") {
      this.endpoint = action.rung === "none" ? null : action.rung === "direct" ? "direct" : "relay";
    } else if (action.kind === "bridgeLateRelayed") this.bridge = action.on;
    else if (action.kind === "notify") this.changes.push(action.rung);
    else if (action.kind === "startIce" || action.kind === "restartIce") this.iceAsked++;
    else if (action.kind === "sendMoved") {
      const { rung, serial } = action;
      duel.after(SIGNAL_MS * (0.5 + duel.random()), () => other.tell({ kind: "peerMoved", rung, serial }));
    } else if (action.kind === "sendMovedAck") {
      const { serial } = action;
      duel.after(SIGNAL_MS * (0.5 + duel.random()), () => other.tell({ kind: "peerMovedAck", serial }));
    }
  }

  step(): void {
    if ((this.path.nextDeadline() ?? Infinity) <= this.duel.now) this.tell({ kind: "tick" });
    if (this.endpoint === null) return;
    const way = this.endpoint;
    this.sent++;
    if (way === "direct" && !this.duel.directWorks[this.way]) return;
    const base = way === "direct" ? DIRECT_MS : RELAY_MS;
    this.duel.after(base + this.duel.random() * base, () => this.other.receive(way));
  }

  receive(way: Way): void {
    this.got++;
    this.endpoint = way === "relay" && this.bridge ? "direct" : way;
  }
}

const pair = (n: number): SelectedPair => ({
  local: { address: "198.51.100.1", port: n, base: { address: "10.0.0.1", port: 51820 } },
  remote: { address: "198.51.100.2", port: n },
});

/** Both on the relay for a second. */
function begun(seed: number): Duel {
  const duel = new Duel(seed);
  for (const end of [duel.a, duel.b]) end.gateUp();
  duel.run(1_000);
  return duel;
}

/** ICE selects at both ends, up to a tenth of a second apart. */
function select(duel: Duel, n = 1): void {
  for (const end of [duel.a, duel.b]) {
    duel.after(duel.random() * 100, () => end.tell({ kind: "iceSelected", pair: pair(n), rttMs: 10 }));
  }
}

Deno.test("Path climbs at both ends without losing a packet, and WireGuard stays on direct", () => {
  for (let seed = 0; seed < 60; seed++) {
    const duel = begun(seed);
    select(duel);
    duel.run(200);
    for (const end of [duel.a, duel.b]) assert.equal(end.endpoint, "direct", `seed ${seed}`);
    for (let n = 0; n < 500; n++) {
      duel.run(10);
      for (const end of [duel.a, duel.b]) assert.equal(end.endpoint, "direct", `seed ${seed} after ${n * 10} ms`);
    }
    const inFlight = 2 * DIRECT_MS;
    for (const end of [duel.a, duel.b]) assert.ok(end.sent - end.other.got <= inFlight, `seed ${seed}`);
    assert.deepEqual(duel.a.changes, ["quic", "direct"]);
  }
});

Deno.test("Path falls at both ends when the pair dies, in whichever directions", () => {
  for (let seed = 0; seed < 60; seed++) {
    const duel = begun(seed);
    select(duel);
    duel.run(5_000);
    duel.directWorks = { ab: seed % 3 === 1, ba: seed % 3 === 2 };
    // Whoever notices first; the other end may notice never, because its own checks are still answered.
    duel.after(duel.random() * 2_000, () => duel.a.tell({ kind: "iceConsentLost" }));
    if (seed % 2 === 0) duel.after(duel.random() * 2_000, () => duel.b.tell({ kind: "iceConsentLost" }));
    duel.run(2_500);
    const before = [duel.a.sent - duel.b.got, duel.b.sent - duel.a.got];
    duel.run(1_000);
    const after = [duel.a.sent - duel.b.got, duel.b.sent - duel.a.got];
    for (const end of [duel.a, duel.b]) {
      assert.equal(end.path.view.rung, "quic", `seed ${seed}`);
      assert.equal(end.endpoint, "relay", `seed ${seed}`);
      assert.equal(end.bridge, false);
    }
    for (const n of [0, 1]) assert.ok(Math.abs(after[n]! - before[n]!) <= 2 * RELAY_MS, `seed ${seed} still loses`);
  }
});

Deno.test("Path does not flap over a pair that keeps dying", () => {
  const duel = begun(9);
  for (let n = 0; n < 120; n++) {
    select(duel, n + 1);
    duel.run(2_500);
    for (const end of [duel.a, duel.b]) end.tell({ kind: "iceConsentLost" });
    duel.run(2_500);
  }
  // 600 s of a pair that lives for 2.5 s: climbs at 1, 2, 4 ... 60 s apart.
  assert.ok(duel.a.changes.length < 40, `${duel.a.changes.length} changes`);
  assert.equal(duel.a.path.view.rung, "quic");
  assert.equal(duel.b.path.view.rung, "quic");
});
