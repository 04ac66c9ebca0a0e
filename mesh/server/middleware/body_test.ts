import assert from "node:assert/strict";
import { MAX_BODY } from "../../wire/api.ts";
import { GhostError } from "../../wire/errors.ts";
import { bounded } from "./body.ts";

const request = (body: ReadableStream<Uint8Array>) =>
  new Request("https://mesh.example/v1/nodes", { method: "POST", body });

Deno.test("bounded() gives up a body that does not end in its time, and lets go of it", async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(1)),
    cancel: () => void (cancelled = true),
  });
  await assert.rejects(bounded(request(endless), 20), (error) => {
    assert.ok(error instanceof GhostError);
    assert.equal(error.code, "timeout");
    return true;
  });
  assert.equal(cancelled, true);
});

Deno.test("bounded() reads a body in pieces, and refuses one that is too large", async () => {
  const pieces = (n: number, size: number) =>
    request(
      new ReadableStream({
        pull(controller) {
          if (n-- > 0) controller.enqueue(new Uint8Array(size).fill(n));
          else controller.close();
        },
      }),
    );
  assert.deepEqual([...await bounded(pieces(3, 2), 10_000)], [2, 2, 1, 1, 0, 0]);
  await assert.rejects(bounded(pieces(2, MAX_BODY), 10_000), /at most/);
});
