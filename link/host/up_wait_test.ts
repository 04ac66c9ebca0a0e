import assert from "node:assert/strict";
import { UpWait } from "./up_wait.ts";

/** What a wait says now: undefined while it goes on. */
async function said(wait: UpWait): Promise<string | null | undefined> {
  return await Promise.race([wait.over, new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 0))]);
}

Deno.test("UpWait is over with the first session, whatever the other gates do", async () => {
  const wait = new UpWait();
  wait.gates(["a", "b"]);
  wait.session("a", { up: false, reason: "the gate does not answer" });
  assert.equal(await said(wait), undefined);
  wait.session("b", { up: true, reason: null });
  wait.session("b", { up: false, reason: "it ended" });
  assert.equal(await said(wait), null);
});

Deno.test("UpWait is over once no gate is left that could answer, and says what the first one said", async () => {
  const wait = new UpWait();
  wait.session("a", { up: false, reason: "revoked" }); // known of before it is known which gates there are
  assert.equal(await said(wait), undefined);
  wait.gates(["a", "b"]);
  assert.equal(await said(wait), undefined);
  wait.session("b", { up: false, reason: "the gate does not answer" });
  assert.equal(await said(wait), "revoked");
});

Deno.test("UpWait waits for nobody in a network without gates, and until it is ended where none is known", async () => {
  const none = new UpWait();
  none.gates([]);
  assert.match(await said(none) ?? "", /no gate/);
  const unknown = new UpWait();
  assert.equal(await said(unknown), undefined);
  unknown.end();
  assert.match(await said(unknown) ?? "", /known yet/);
});
