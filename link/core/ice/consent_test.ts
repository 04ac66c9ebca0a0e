import assert from "node:assert/strict";
import { seeded } from "../../../mesh/wire/stun/testdata/crypto.ts";
import { Consent } from "./consent.ts";
import { ICE_TIMING } from "./timing.ts";

/** A path whose checks and answers are lost, or take their time. */
class Line {
  readonly random: () => number;
  readonly consent: Consent;
  now = 0;
  sent = 0;
  doubts = 0;
  lost = 0;
  gone = false;
  loss = 0;
  rttMs = 60;
  jitterMs = 30;
  #answers: number[] = [];

  constructor(seed: number, o: { busy: boolean }) {
    this.random = seeded(seed);
    this.consent = new Consent({ timing: ICE_TIMING.consent, random: this.random, now: 0 });
    this.consent.busy(o.busy, 0);
  }

  run(ms: number, until: () => boolean = () => this.gone): this {
    const end = this.now + ms;
    while (!until()) {
      const answer = Math.min(...this.#answers);
      const next = Math.min(answer, this.consent.due);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      if (answer <= this.now) {
        this.#answers.splice(this.#answers.indexOf(answer), 1);
        this.consent.answered(this.now);
        continue;
      }
      this.look();
    }
    if (!until()) this.now = end;
    return this;
  }

  /** One look at what is due. */
  look(): void {
    const step = this.consent.step(this.now);
    if (step === "lost") this.lost++;
    else if (step === "gone") this.gone = true;
    else if (step === "check") {
      this.sent++;
      if (this.consent.sent(this.now, this.rttMs + this.jitterMs)) this.doubts++;
      if (this.random() < this.loss || this.random() < this.loss) return;
      this.#answers.push(this.now + this.rttMs + this.random() * this.jitterMs);
    }
  }
}

function line(seed: number, o: { busy: boolean; loss?: number; rttMs?: number }): Line {
  const made = new Line(seed, o);
  made.loss = o.loss ?? 0;
  made.rttMs = o.rttMs ?? made.rttMs;
  return made;
}

Deno.test("Consent of a path with data survives ten minutes of ten percent of loss each way, two thousand times", () => {
  for (let seed = 0; seed < 2_000; seed++) {
    const it = line(seed, { busy: true, loss: 0.1 }).run(600_000);
    assert.equal(it.lost, 0, `seed ${seed}`);
  }
});

Deno.test("Consent of a path with data is lost to twenty percent each way about once in ten hours", () => {
  let lost = 0;
  for (let seed = 0; seed < 600; seed++) lost += line(seed, { busy: true, loss: 0.2 }).run(600_000).lost;
  assert.ok(lost <= 20, `${lost} times in 100 hours`);
});

Deno.test("Consent of a dead path is lost within two and a half seconds where there is data, sooner than nine where there is none", () => {
  const after = (busy: boolean) =>
    Array.from({ length: 500 }, (_, seed) => {
      const it = line(seed, { busy, loss: 0.05 });
      it.run(20_000 + 3_000 * it.random());
      const then = it.now;
      it.loss = 1;
      it.run(10_000, () => it.lost > 0 || it.gone);
      return it.now - then;
    });
  assert.ok(Math.max(...after(true)) <= 2_500);
  assert.ok(Math.max(...after(false)) <= 9_000);
});

Deno.test("Consent waits for answers as long as they usually take", () => {
  const it = line(1, { busy: true, rttMs: 1_500 }).run(600_000);
  assert.deepEqual([it.lost, it.doubts > 0], [0, false]);
});

Deno.test("Consent asks every 5 s where all is well and nobody sends, never sooner than RFC 7675 has it, and goes on asking a lost path for a while", () => {
  const it = line(2, { busy: false }).run(100_000);
  assert.ok(Math.abs(it.sent - 20) <= 2, `${it.sent} checks`);
  for (let seed = 0; seed < 100; seed++) {
    const { consent } = line(seed, { busy: false });
    assert.ok(consent.due !== null && consent.due >= 4_000 && consent.due <= 6_000, `${consent.due}`);
  }
  it.loss = 1;
  it.run(10_000, () => it.lost === 1);
  const before = it.sent;
  it.run(10_000);
  assert.ok(it.gone);
  assert.ok(it.sent - before <= 8, `${it.sent - before} checks of a path that was lost`);
});

Deno.test("Consent that was lost is back with the first answer, and is told of anew", () => {
  const it = line(3, { busy: true }).run(5_000);
  it.loss = 1;
  it.run(5_000, () => it.lost === 1);
  it.consent.hint(it.now);
  assert.ok(it.consent.lost, "data may come by another path");
  it.loss = 0;
  it.run(1_000);
  assert.ok(!it.consent.lost && !it.gone);
  it.loss = 1;
  it.run(5_000, () => it.lost === 2);
});

Deno.test("Consent learns nothing from the looks of a machine that is late itself", () => {
  const it = line(4, { busy: true }).run(5_000);
  it.loss = 1;
  it.run(10_000, () => it.doubts === 4);
  const end = it.now + 3_000;
  // An answer may wait unread at each of these.
  for (; it.now < end; it.now += 600) it.look();
  assert.equal(it.lost, 0);
});

Deno.test("Consent asks along with the peer where it is nearly time, and not before that nor while an answer is due", () => {
  const asks = (after: number, o: { busy?: boolean } = {}) => {
    const { consent } = line(5, { busy: o.busy ?? false });
    consent.asked(after);
    return consent.step(after) === "check";
  };
  assert.deepEqual([3_990, 4_000].map((after) => asks(after)), [false, true]);
  assert.deepEqual([630, 640].map((after) => asks(after, { busy: true })), [false, true]);
  const { consent } = line(5, { busy: false });
  consent.asked(4_000);
  consent.sent(4_000, 60);
  consent.asked(4_010);
  assert.equal(consent.due, 4_200);
});
