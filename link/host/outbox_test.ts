import assert from "node:assert/strict";
import type { MeshClient } from "../../mesh/client/mod.ts";
import { createLog } from "../../mesh/host/log.ts";
import { FRESH } from "../core/handshake/post.ts";
import { Outbox } from "./outbox.ts";

/** An outbox whose coordinator answers when the test says so, or never. */
function mailing({ within }: { within?: number } = {}) {
  const asked: { to: string; box: string | readonly string[]; answer: PromiseWithResolvers<void> }[] = [];
  const clock = { now: 0 };
  /** How many requests there were when connections were given up. */
  const moved: number[] = [];
  const mail: MeshClient["mail"] = (to, box, { signal } = {}) => {
    const answer = Promise.withResolvers<void>();
    signal!.addEventListener("abort", () => answer.reject(signal!.reason));
    asked.push({ to, box, answer });
    return answer.promise;
  };
  const log = createLog("test", { write: () => {} });
  const mesh = { mail, networkMoved: () => void moved.push(asked.length) };
  const outbox = new Outbox({ mesh, log, now: () => clock.now, ...(within === undefined ? {} : { within }) });
  const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
  const answered = async (i: number) => {
    asked[i]!.answer.resolve();
    await settle();
  };
  return { asked, clock, moved, outbox, settle, answered };
}

Deno.test("Outbox mails what comes while mail to the same peer is under way together, and to others at once", async () => {
  const { asked, outbox, settle, answered } = mailing();
  for (const box of ["1", "2", "3"]) outbox.mail("bob", box);
  outbox.mail("carol", "4");
  assert.deepEqual(asked.map(({ to, box }) => [to, box]), [["bob", "1"], ["carol", "4"]], "one box is no list");
  await answered(0);
  outbox.mail("bob", "5");
  assert.deepEqual(asked.slice(2).map(({ box }) => box), [["2", "3"]]);
  asked[2]!.answer.reject(new Error("refused"));
  await settle();
  assert.deepEqual(asked.slice(3).map(({ box }) => box), ["5"], "a refusal ends nothing");
  await answered(3);
  outbox.mail("bob", "6");
  assert.deepEqual(asked.slice(4).map(({ box }) => box), ["6"], "nothing is under way: at once");
  await answered(1);
  await answered(4);
});

Deno.test("Outbox keeps only the newest boxes for a coordinator that does not answer", async () => {
  const { asked, outbox, answered } = mailing();
  for (let i = 0; i <= 20; i++) outbox.mail("bob", `${i}`);
  await answered(0);
  assert.deepEqual(asked[1]!.box, ["13", "14", "15", "16", "17", "18", "19", "20"]);
  await answered(1);
});

Deno.test("Outbox gives up a request that hangs, and goes on with what waits", async () => {
  const { asked, outbox, answered } = mailing({ within: 1 });
  outbox.mail("bob", "1");
  outbox.mail("bob", "2");
  await assert.rejects(asked[0]!.answer.promise, /not taken within/);
  await Promise.resolve();
  assert.deepEqual(asked.map(({ box }) => box), ["1", "2"]);
  await answered(1);
});

Deno.test("Outbox begins anew when the network has moved: what hung there goes first, together with what waited", async () => {
  const { asked, moved, outbox, settle, answered } = mailing();
  outbox.mail("bob", "0");
  for (let i = 1; i <= 8; i++) outbox.mail("bob", `${i}`);
  outbox.networkMoved();
  await settle();
  assert.deepEqual(moved, [1], "what is asked next goes over a new connection");
  assert.deepEqual(asked[1]!.box, ["0", "1", "2", "3", "4", "5", "6", "7"]);
  await answered(1);
  assert.equal(asked[2]!.box, "8", "nothing is lost");
  await answered(2);
  outbox.networkMoved();
  await settle();
  assert.equal(asked.length, 3, "what was taken is not sent again");
});

Deno.test("Outbox mails no message of WireGuard's that has waited here for longer than it counts", async () => {
  const { asked, clock, outbox, settle, answered } = mailing();
  outbox.mail("bob", "offer");
  outbox.mail("bob", "old handshake", { handshake: true });
  outbox.mail("bob", "candidates");
  clock.now = 1;
  outbox.mail("bob", "handshake", { handshake: true });
  clock.now = FRESH + 1;
  await answered(0);
  assert.deepEqual(asked[1]!.box, ["candidates", "handshake"]);
  clock.now++;
  outbox.networkMoved();
  await settle();
  assert.equal(asked[2]!.box, "candidates", "nor again");
  await answered(2);
});

Deno.test("Outbox drops such a message before anything else when too much waits", async () => {
  const { asked, clock, outbox, answered } = mailing();
  outbox.mail("bob", "1");
  outbox.mail("bob", "offer");
  outbox.mail("bob", "handshake", { handshake: true });
  for (let i = 3; i <= 8; i++) outbox.mail("bob", `${i}`);
  clock.now = FRESH + 1;
  outbox.mail("bob", "9");
  await answered(0);
  assert.deepEqual(asked[1]!.box, ["offer", "3", "4", "5", "6", "7", "8", "9"]);
  await answered(1);
});
