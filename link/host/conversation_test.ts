import assert from "node:assert/strict";
import type { MeshClient } from "../../mesh/client/mod.ts";
import { createLog } from "../../mesh/host/log.ts";
import type { Signal, SignalBody } from "../../mesh/wire/signal.ts";
import { Conversation, type ConversationHost } from "./conversation.ts";

/** A conversation without gates whose coordinator answers when the test says so. */
function mailing() {
  const asked: { to: string; boxes: readonly string[]; answer: PromiseWithResolvers<void> }[] = [];
  const mail: MeshClient["mail"] = (to, box) => {
    const answer = Promise.withResolvers<void>();
    asked.push({ to, boxes: [box].flat(), answer });
    return answer.promise;
  };
  const o = {
    gates: { towards: () => null },
    mesh: { mail },
    meshUp: () => true,
    log: createLog("test", { write: () => {} }),
  };
  const conversation = new Conversation(o as unknown as ConversationHost);
  const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
  return { asked, conversation, settle };
}

Deno.test("Conversation mails what comes while mail to the same peer is under way together, and to others at once", async () => {
  const { asked, conversation, settle } = mailing();
  for (const box of ["1", "2", "3"]) conversation.deliver("bob", box);
  conversation.deliver("carol", "4");
  assert.deepEqual(asked.map(({ to, boxes }) => [to, boxes]), [["bob", ["1"]], ["carol", ["4"]]]);
  asked[0]!.answer.resolve();
  await settle();
  conversation.deliver("bob", "5");
  assert.deepEqual(asked.slice(2).map(({ boxes }) => boxes), [["2", "3"]]);
  asked[2]!.answer.reject(new Error("refused"));
  await settle();
  assert.deepEqual(asked.slice(3).map(({ boxes }) => boxes), [["5"]], "a refusal ends nothing");
  asked[3]!.answer.resolve();
  await settle();
  conversation.deliver("bob", "6");
  assert.deepEqual(asked.slice(4).map(({ boxes }) => boxes), [["6"]], "nothing is under way: at once");
});

Deno.test("Conversation keeps only the newest boxes for a coordinator that does not answer", async () => {
  const { asked, conversation, settle } = mailing();
  for (let i = 0; i <= 20; i++) conversation.deliver("bob", `${i}`);
  asked[0]!.answer.resolve();
  await settle();
  assert.deepEqual(asked[1]!.boxes, ["13", "14", "15", "16", "17", "18", "19", "20"]);
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
