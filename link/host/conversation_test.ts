import assert from "node:assert/strict";
import type { Signal, SignalBody } from "../../mesh/wire/signal.ts";
import { Conversation, type ConversationHost } from "./conversation.ts";

Deno.test("Conversation hands a box to the gate of both, else to the outbox, and says which hold a handshake", () => {
  const went: unknown[] = [];
  let session: unknown = { send: (message: unknown) => went.push(message) };
  let up = true;
  const o = {
    gates: { towards: () => session },
    outbox: { mail: (...mail: unknown[]) => went.push(mail) },
    meshUp: () => up,
  };
  const conversation = new Conversation(o as unknown as ConversationHost);
  conversation.deliver("bob", "1", "wireguard");
  session = null;
  conversation.deliver("bob", "2", "wireguard");
  conversation.deliver("bob", "3", "ice");
  up = false;
  conversation.deliver("bob", "4", "ice");
  assert.deepEqual(went, [
    { t: "signal", to: "bob", box: "1" },
    ["bob", "2", { handshake: true }],
    ["bob", "3", { handshake: false }],
  ]);
});

Deno.test("Conversation drops WireGuard's messages that have lain in the mailbox, and nothing else", async () => {
  const came: string[] = [];
  const o = { heads: { peerHead: () => {} }, path: (_: string, body: SignalBody) => came.push(body.t) };
  const conversation = new Conversation(o as unknown as ConversationHost);
  const packet: SignalBody = { t: "wireguard", packet: "AA" };
  const offer: SignalBody = { t: "candidates", ufrag: "ABCD", candidates: [] };
  const signal = (body: SignalBody): Signal => ({ v: 1, n: 1, head: { seq: 0, hash: "" }, body });
  for (
    const [body, kept] of [[packet, 0], [packet, 1_000], [packet, 1_001], [packet, 59_000], [offer, 59_000]] as const
  ) {
    await conversation.received("bob", signal(body), kept);
  }
  assert.deepEqual(came, ["wireguard", "wireguard", "candidates"]);
});
