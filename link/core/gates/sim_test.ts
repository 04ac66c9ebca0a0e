/** Homing in a world of gates whose distances jitter, that die, come back, are drained, and stall: by the thousand, from seeds. */
import assert from "node:assert/strict";
import { seeded } from "../../../mesh/wire/stun/testdata/crypto.ts";
import { Homing, type HomingAction } from "./homing.ts";

interface SimGate {
  id: string;
  base: number;
  dead: boolean;
  draining: boolean;
  up: boolean;
  wanted: boolean;
  upAt: number;
}

class Sim {
  readonly next: () => number;
  readonly homing = new Homing({ saved: null });
  readonly gates: SimGate[];
  now = 1_700_000_000_000;
  homes: string[] = [];
  longestWithout = 0;
  #without = 0;

  constructor(seed: number, { jitter, count }: { jitter: number; count: number }) {
    this.next = seeded(seed);
    this.jitter = jitter;
    this.gates = Array.from({ length: count }, (_, i): SimGate => ({
      id: `g${i}`,
      base: 5 + this.next() * 150,
      dead: false,
      draining: false,
      up: false,
      wanted: false,
      upAt: Infinity,
    }));
    this.tell();
  }

  readonly jitter: number;

  tell(): void {
    this.#do(this.homing.handle({ kind: "gates", gates: this.gates }, this.now));
  }

  rtt(gate: SimGate): number | null {
    if (gate.dead || this.next() < 0.02) return null;
    // Mostly near the base, now and then a burst of queueing.
    return gate.base * (1 + this.jitter * this.next()) + (this.next() < 0.1 ? this.next() * 300 : 0);
  }

  #do(actions: HomingAction[]): void {
    for (const action of actions) {
      if (action.kind === "home") {
        if (action.home !== null && action.home !== this.homes.at(-1)) this.homes.push(action.home);
      } else if (action.kind === "measure") {
        for (const gate of this.gates.filter((g) => action.gates.includes(g.id))) {
          this.#do(this.homing.handle({ kind: "measured", gate: gate.id, rttMs: this.rtt(gate) }, this.now));
        }
      } else if (action.kind === "keep") {
        for (const gate of this.gates) {
          const wanted = action.gates.includes(gate.id);
          if (wanted && !gate.wanted) gate.upAt = this.now + 2 * gate.base;
          gate.wanted = wanted;
        }
      }
    }
  }

  /** Lets time pass in steps of 200 ms. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end;) {
      this.now += 200;
      for (const gate of this.gates) {
        if (gate.up && (gate.dead || !gate.wanted)) {
          gate.up = false;
          gate.upAt = this.now + 1_000;
          this.#do(this.homing.handle({ kind: "down", gate: gate.id, failed: gate.wanted }, this.now));
        } else if (gate.wanted && !gate.up && this.now >= gate.upAt) {
          gate.upAt = this.now + 2_000;
          gate.up = !gate.dead;
          const event = gate.dead
            ? { kind: "down" as const, gate: gate.id, failed: true }
            : { kind: "up" as const, gate: gate.id };
          this.#do(this.homing.handle(event, this.now));
        }
      }
      const due = this.homing.nextDeadline();
      if (due !== null && due <= this.now) this.#do(this.homing.handle({ kind: "tick" }, this.now));
      this.#without = this.homing.home === null && this.gates.some((g) => !g.dead) ? this.#without + 200 : 0;
      this.longestWithout = Math.max(this.longestWithout, this.#without);
    }
  }

  get nearest(): SimGate {
    return this.gates.filter((g) => !g.dead && !g.draining).toSorted((a, b) => a.base - b.base)[0]!;
  }
}

Deno.test("Homing under jitter alone never leaves a home that is near enough (500 worlds, six minutes each)", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const sim = new Sim(seed, { jitter: 0.5, count: 2 + seed % 7 });
    sim.pass(360_000);
    const home = sim.gates.find((g) => g.id === sim.homing.home)!;
    assert.ok(sim.homes.length <= 3, `seed ${seed}: ${sim.homes.join(" ")}`);
    assert.ok(home.base <= sim.nearest.base * 2 + 20, `seed ${seed}: ${home.base} for ${sim.nearest.base}`);
  }
});

Deno.test("Homing among dying and drained gates always has a home soon and does not flap (500 worlds)", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const sim = new Sim(seed, { jitter: 0.3, count: 3 + seed % 5 });
    sim.pass(5_000);
    let disturbed = 0;
    for (let i = 0; i < 10; i++) {
      const victim = sim.gates[Math.floor(sim.next() * sim.gates.length)]!;
      const others = sim.gates.filter((g) => g !== victim && !g.dead && !g.draining);
      if (others.length === 0) continue;
      if (sim.next() < 0.3) victim.draining = !victim.draining;
      else victim.dead = !victim.dead;
      disturbed++;
      sim.tell();
      sim.pass(30_000);
    }
    for (const gate of sim.gates) gate.dead = gate.draining = false;
    sim.tell();
    sim.pass(900_000);
    const home = sim.gates.find((g) => g.id === sim.homing.home)!;
    assert.ok(sim.longestWithout <= 5_000, `seed ${seed}: ${sim.longestWithout} ms without a home`);
    assert.ok(sim.homes.length <= 2 * disturbed + 3, `seed ${seed}: ${sim.homes.join(" ")}`);
    assert.ok(home.base <= sim.nearest.base * 1.6 + 20, `seed ${seed}: ${home.base} for ${sim.nearest.base}`);
  }
});

Deno.test("Homing does not run to and fro between a dying gate and its standby: each return waits longer", () => {
  const sim = new Sim(7, { jitter: 0.1, count: 2 });
  sim.gates[0]!.base = 5;
  sim.gates[1]!.base = 60;
  sim.pass(10_000);
  const before = sim.homes.length;
  // It works for 5 s and is dead for 5 s, for half an hour.
  for (let i = 0; i < 180; i++) {
    sim.gates[0]!.dead = i % 2 === 0;
    sim.pass(5_000);
  }
  assert.ok(sim.homes.length - before <= 6, sim.homes.join(" "));
});
