import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { type RelayAction, RelayEnd, type RelayEvent, type RelayOffer } from "./mod.ts";

const T0 = 1_700_000_000_000;
const A = { gate: null, address: "203.0.113.20", port: 61_001 };
const B = { gate: null, address: "203.0.113.21", port: 61_002 };

let drawn = 0;
const crypto = {
  hmacSha1: (key: Uint8Array, data: Uint8Array) => new Uint8Array(createHmac("sha1", key).update(data).digest()),
  hmacSha256: (key: Uint8Array, data: Uint8Array) => new Uint8Array(createHmac("sha256", key).update(data).digest()),
  random: (n: number) => new Uint8Array(n).fill(++drawn % 251).map((byte, i) => byte ^ (drawn >> 8) ^ i),
};

/** Two ends, their servers and a mailbox that delivers at once, in one clock. */
class Pair {
  now = T0;
  readonly ends = { a: new RelayEnd({ crypto }), b: new RelayEnd({ crypto }) };
  readonly log: string[] = [];
  readonly sent: Uint8Array[] = [];
  readonly offers: { from: "a" | "b"; offer: RelayOffer; at: number }[] = [];
  /** What the mailbox and the servers let through. */
  mail = true;
  relays = true;
  permits = true;

  tell(who: "a" | "b", event: RelayEvent): void {
    for (const action of this.ends[who].handle(event, this.now)) this.#do(who, action);
  }

  #do(who: "a" | "b", action: RelayAction): void {
    const other = who === "a" ? "b" : "a";
    switch (action.kind) {
      case "offer":
        this.offers.push({ from: who, offer: action.offer, at: this.now });
        if (this.mail) queue(() => this.tell(other, { kind: "offered", offer: action.offer }));
        return;
      case "permit":
        return queue(() => this.tell(who, { kind: this.permits ? "permitted" : "denied", peer: action.peer }));
      case "send":
        this.sent.push(action.bytes);
        if (this.relays) queue(() => this.tell(other, { kind: "datagram", bytes: action.bytes }));
        return;
      case "up":
      case "down":
      case "packet":
        this.log.push(`${who} ${action.kind}`);
    }
  }

  /** Lets time pass. */
  run(ms: number): void {
    const end = this.now + ms;
    while (true) {
      drain();
      const due = Math.min(...(["a", "b"] as const).map((who) => this.ends[who].nextDeadline() ?? Infinity));
      if (due > end) break;
      this.now = Math.max(this.now, due);
      for (const who of ["a", "b"] as const) this.tell(who, { kind: "tick" });
    }
    this.now = end;
  }

  start(): void {
    for (const [who, relay] of [["a", A], ["b", B]] as const) {
      this.tell(who, { kind: "want", on: true });
      this.tell(who, { kind: "relay", relay });
    }
  }
}

const waiting: (() => void)[] = [];
const queue = (work: () => void) => void waiting.push(work);
const drain = () => {
  for (let work = waiting.shift(); work; work = waiting.shift()) work();
};

Deno.test("RelayEnd is up at both ends once a check has come back, and says so once", () => {
  const pair = new Pair();
  pair.start();
  pair.run(1_000);
  assert.deepEqual(pair.log.toSorted(), ["a up", "b up"]);
  pair.run(60_000);
  assert.equal(pair.log.length, 2);
  assert.deepEqual(pair.ends.a.peer, { address: B.address, port: B.port });
});

Deno.test("RelayEnd: one end that was not asked before is drawn in by the other's offer", () => {
  const pair = new Pair();
  pair.tell("a", { kind: "want", on: true });
  pair.tell("a", { kind: "relay", relay: A });
  pair.run(100);
  assert.deepEqual(pair.log, []);
  pair.tell("b", { kind: "want", on: true });
  pair.tell("b", { kind: "relay", relay: B });
  pair.run(1_000);
  assert.deepEqual(pair.log.toSorted(), ["a up", "b up"]);
});

Deno.test("RelayEnd is down seconds after the relays go silent, and up again when they speak", () => {
  const pair = new Pair();
  pair.start();
  pair.run(10_000);
  pair.relays = false;
  pair.run(8_000);
  assert.deepEqual(pair.log.slice(2).toSorted(), ["a down", "b down"]);
  pair.relays = true;
  pair.run(10_000);
  assert.deepEqual(pair.log.slice(4).toSorted(), ["a up", "b up"]);
});

Deno.test("RelayEnd: another address of one end is told, and the rung comes back over it", () => {
  const pair = new Pair();
  pair.start();
  pair.run(1_000);
  pair.tell("a", { kind: "relay", relay: null });
  pair.tell("a", { kind: "relay", relay: { ...A, port: 61_009 } });
  pair.run(2_000);
  assert.equal(pair.ends.b.peer?.port, 61_009);
  assert.ok(pair.ends.a.up && pair.ends.b.up);
});

Deno.test("attack: RelayEnd never loads a mailbox: offers that help nobody come less and less often", () => {
  for (const broken of ["mail", "relays", "permits"] as const) {
    const pair = new Pair();
    pair[broken] = false;
    pair.start();
    pair.run(600_000);
    assert.deepEqual(pair.log, [], broken);
    assert.ok(pair.offers.length < 60, `${broken}: ${pair.offers.length} offers in ten minutes`);
    assert.ok(pair.sent.length < 2_000, `${broken}: ${pair.sent.length} checks in ten minutes`);
  }
});

Deno.test("attack: RelayEnd answers and believes no check that is not the peer's, own ones turned back included", () => {
  const pair = new Pair();
  pair.relays = false;
  pair.start();
  pair.run(2_000);
  const checks = pair.sent.slice(0, 2);
  assert.equal(checks.length, 2);
  const stranger = new Pair();
  stranger.start();
  stranger.run(2_000); // its relays work: there are checks and answers among what it sends
  const actionsTo = (bytes: Uint8Array) =>
    (["a", "b"] as const).flatMap((who) => pair.ends[who].handle({ kind: "datagram", bytes }, pair.now));
  assert.ok(stranger.ends.a.up && stranger.sent.length > 2);
  assert.deepEqual(stranger.sent.flatMap(actionsTo), []);
  // Of two ends' checks each is answered by the other alone.
  const answers = checks.map((bytes) =>
    (["a", "b"] as const).filter((who) =>
      pair.ends[who].handle({ kind: "datagram", bytes }, pair.now).some((action) =>
        action.kind === "send" && action.bytes[0] === 1
      )
    ).length
  );
  assert.deepEqual(answers, [1, 1]);
  assert.ok(!pair.ends.a.up && !pair.ends.b.up);
  // Nonsense is no packet of WireGuard's and no reason to fall.
  const broken = checks[0]!.slice(0, 30);
  assert.deepEqual(
    pair.ends.a.handle({ kind: "datagram", bytes: broken }, pair.now).filter((a) => a.kind === "up"),
    [],
  );
});

Deno.test("RelayEnd that is not wanted gives the way up and offers nothing", () => {
  const pair = new Pair();
  pair.start();
  pair.run(1_000);
  pair.tell("a", { kind: "want", on: false });
  const offers = pair.offers.length;
  pair.run(1_000);
  assert.equal(pair.log.at(-1), "a down");
  assert.equal(
    pair.offers.filter(({ from }) => from === "a").length,
    pair.offers.slice(0, offers).filter(({ from }) => from === "a").length,
  );
});

Deno.test("attack: RelayEnd follows a peer that names address after address for a few of them only", () => {
  const end = new RelayEnd({ crypto });
  end.handle({ kind: "want", on: true }, T0);
  end.handle({ kind: "relay", relay: A }, T0);
  let permits = 0;
  for (let i = 0; i < 1_000; i++) {
    const offer = { ...B, port: 10_000 + i, key: "A".repeat(43), ask: true };
    permits += end.handle({ kind: "offered", offer }, T0 + i).filter(({ kind }) => kind === "permit").length;
  }
  assert.equal(permits, 6);
});

Deno.test("RelayEnd takes no offer of an address where no server's address can be, and every spelling of one as one", () => {
  const end = new RelayEnd({ crypto });
  const key = "A".repeat(43);
  end.handle({ kind: "want", on: true }, T0);
  end.handle({ kind: "relay", relay: A }, T0);
  const offered = (address: string) =>
    end.handle({ kind: "offered", offer: { gate: null, address, port: 61_002, key, ask: false } }, T0)
      .filter(({ kind }) => kind === "permit");
  for (
    const address of [
      "::ffff:203.0.113.21",
      "::ffff:cb00:7115",
      "::",
      "::1",
      "127.0.0.1",
      "0.0.0.0",
      "224.0.0.1",
      "ff02::1",
    ]
  ) {
    assert.deepEqual(offered(address), [], address);
    assert.equal(end.peer, null, address);
  }
  const peer = { address: "2001:db8::1", port: 61_002 };
  assert.deepEqual(offered("2001:DB8:0:0::1"), [{ kind: "permit", peer }]);
  assert.deepEqual(end.peer, peer);
});
