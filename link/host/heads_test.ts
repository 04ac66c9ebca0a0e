import assert from "node:assert/strict";
import { Ledger } from "../../mesh/trust/ledger.ts";
import { add, network } from "../../mesh/trust/testdata/network.ts";
import { Heads } from "./heads.ts";

/** Heads over a ledger, and what they send. */
async function desk(o: { peers?: string[]; gates?: string[] } = {}) {
  const ledger = await network();
  const sent: string[] = [];
  const heads = new Heads({
    ledger,
    toPeer: (id, message) => sent.push(`${id} ${message.t}`),
    showPeer: (id, head) => sent.push(`${id} shown ${head.seq}`),
    toGate: (id, message) => sent.push(`${id} ${message.t}`),
    peers: () => o.peers ?? [],
    gates: () => o.gates ?? [],
    take: async (entries) => {
      let news = false;
      for (const jws of entries) news = await ledger.take(jws) !== "known" || news;
      return news;
    },
    now: () => 0,
  });
  return { ledger, heads, sent };
}

Deno.test("Heads hands whoever is behind what it lacks, peers and gates", async () => {
  const { ledger, heads, sent } = await desk();
  const old = ledger.head;
  await add(ledger, "policy", { format: "toml", source: "" });
  heads.peerHead("bob", old);
  heads.gateHead("gate1", old);
  heads.peerHead("carol", ledger.head);
  assert.deepEqual(sent, ["bob entries", "gate1 entries"]);
});

Deno.test("Heads shows its own head to whoever is ahead, and takes what it is handed", async () => {
  const { ledger, heads, sent } = await desk();
  const ahead = await Ledger.open(ledger.entries);
  const entry = await add(ahead, "policy", { format: "toml", source: "" });
  heads.gateHead("gate1", ahead.head);
  heads.peerHead("bob", ahead.head);
  assert.deepEqual(sent, ["gate1 head", "bob shown 2"]);
  await heads.fromPeer("bob", { t: "entries", entries: [entry] });
  assert.deepEqual(ledger.head, ahead.head);
  assert.equal(sent.at(-1), "bob shown 3");
});

Deno.test("Heads spreads news at once, and to many peers a few at a time", async () => {
  const peers = Array.from({ length: 40 }, (_, i) => `p${i}`);
  const { ledger, heads, sent } = await desk({ peers, gates: ["gate1", "gate2"] });
  const entry = await add(ledger, "policy", { format: "toml", source: "" });
  heads.spread([entry], "gate1");
  assert.deepEqual(sent.slice(0, 3), ["gate2 entries", "gate2 head", "p0 entries"]);
  assert.equal(sent.length, 2 + 32);
  while (sent.length < 2 + 40) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(sent.at(-1), "p39 entries");
  heads.close();
});
