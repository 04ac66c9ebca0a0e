import assert from "node:assert/strict";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import { Gates } from "./gates.ts";
import type { GatesHost } from "./gates_host.ts";

Deno.test("Gates measure anew when this machine moves in the middle of it, and believe nothing from the network before", async () => {
  const asked: { answer(rttMs: number): void; end(): void }[] = [];
  const host: Partial<GatesHost> = {
    quic: true,
    saved: null,
    now: () => 0,
    ways: () => new Promise(() => {}), // nobody is dialled here
    measure: (_gates, measured) =>
      new Promise((resolve, reject) => {
        const end = asked.length === 1 ? () => reject(new Error("Too many open files (os error 24)")) : resolve;
        asked.push({ answer: (rttMs) => measured("g", rttMs), end });
      }),
  };
  const gates = new Gates(host as GatesHost);
  const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
  gates.want([{ id: "g", record: { hosts: [], quic: 443, stun: 3478 }, draining: false } as unknown as VerifiedGate]);
  assert.equal(asked.length, 1);
  gates.networkChanged();
  assert.equal(asked.length, 1, "one at a time");
  asked[0]!.answer(9);
  assert.equal(gates.list()[0]!.rttMs, null);
  asked[0]!.end();
  await turn();
  assert.equal(asked.length, 2);
  gates.networkChanged();
  asked[1]!.end(); // one that fails ends nothing but itself
  await turn();
  assert.equal(asked.length, 3);
  gates.close();
  asked[2]!.end();
});
