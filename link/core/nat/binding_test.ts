import assert from "node:assert/strict";
import { seeded, testCrypto } from "../../../mesh/wire/stun/testdata/crypto.ts";
import {
  decodeStun,
  encodeStun,
  field,
  type TransportAddress,
  XOR_MAPPED_ADDRESS,
} from "../../../mesh/wire/stun/mod.ts";
import { type BindingAction, StunBinding } from "./binding.ts";

const base = { address: "10.0.0.2", port: 51820 };
const one = { address: "203.0.113.1", port: 3479 };
const two = { address: "203.0.113.9", port: 3479 };
const mapped = { address: "198.51.100.7", port: 40001 };

type Send = Extract<BindingAction, { kind: "send" }>;

function client(servers: TransportAddress[] = [one]): StunBinding {
  return new StunBinding({ base, servers, crypto: testCrypto(seeded(7)), rtoMs: 500 });
}

function answer(send: Send, sees: TransportAddress = mapped): Uint8Array {
  const { transaction } = decodeStun(send.bytes);
  return encodeStun({ class: "success", transaction, fields: [field(XOR_MAPPED_ADDRESS, sees)], fingerprint: true });
}

function sends(actions: BindingAction[]): Send[] {
  return actions.filter((action) => action.kind === "send");
}

/** Runs from deadline to deadline until the given time; the time of every action. */
function run(binding: StunBinding, until: number): [number, BindingAction][] {
  const log: [number, BindingAction][] = [];
  for (let at = binding.nextDeadline(); at !== null && at <= until; at = binding.nextDeadline()) {
    for (const action of binding.handle({ kind: "tick" }, at)) log.push([at, action]);
  }
  return log;
}

Deno.test("StunBinding asks every server, tells what each sees, and asks again every 20 s", () => {
  const binding = client([one, two]);
  const [first, second] = sends(binding.handle({ kind: "tick" }, 0)) as [Send, Send];
  assert.deepEqual([first.to, second.to, first.from], [one, two, base]);
  assert.deepEqual(binding.handle({ kind: "datagram", from: one, bytes: answer(first) }, 40), [
    { kind: "mapped", server: one, base, mapped, rttMs: 40 },
  ]);
  assert.deepEqual(binding.mapped, [{ server: one, mapped }, { server: two, mapped: null }]);
  binding.handle({ kind: "datagram", from: two, bytes: answer(second) }, 50);
  assert.equal(binding.nextDeadline(), 20_040);
  const [again] = sends(binding.handle({ kind: "tick" }, 20_040)) as [Send];
  assert.deepEqual(binding.handle({ kind: "datagram", from: one, bytes: answer(again) }, 20_050), []);
  const [moved] = sends(binding.handle({ kind: "tick" }, 40_050)) as [Send];
  const other = { address: "198.51.100.7", port: 40002 };
  assert.deepEqual(binding.handle({ kind: "datagram", from: one, bytes: answer(moved, other) }, 40_070), [
    { kind: "mapped", server: one, base, mapped: other, rttMs: 20 },
  ]);
});

Deno.test("StunBinding retransmits as RFC 8489 says, then gives up once and tries again with growing waits", () => {
  const log = run(client(), 200_000);
  const times = log.filter(([, action]) => action.kind === "send").map(([at]) => at);
  assert.deepEqual(times.slice(0, 7), [0, 500, 1500, 3500, 7500, 15500, 31500]);
  assert.equal(times[7], 31_500 + 8_000 + 5_000);
  const lost = log.filter(([, action]) => action.kind === "unreachable");
  assert.deepEqual(lost, [[39_500, { kind: "unreachable", server: one, base }]]);
});

Deno.test("StunBinding takes the answer to an earlier request, but none from elsewhere, forged or of another kind", () => {
  const binding = client();
  const [first] = sends(binding.handle({ kind: "tick" }, 0)) as [Send];
  binding.handle({ kind: "tick" }, 500);
  const { transaction } = decodeStun(first.bytes);
  const refused: [TransportAddress, Uint8Array][] = [
    [two, answer(first)],
    [
      one,
      encodeStun({ class: "success", transaction: new Uint8Array(12), fields: [field(XOR_MAPPED_ADDRESS, mapped)] }),
    ],
    [one, encodeStun({ class: "error", transaction, fields: [] })],
    [one, encodeStun({ class: "success", transaction, fields: [] })],
    [
      one,
      encodeStun({
        class: "success",
        transaction,
        fields: [field(XOR_MAPPED_ADDRESS, { address: "127.0.0.1", port: 1 })],
      }),
    ],
    [one, first.bytes],
    [one, new Uint8Array(3)],
  ];
  for (const [from, bytes] of refused) assert.deepEqual(binding.handle({ kind: "datagram", from, bytes }, 600), []);
  assert.equal(binding.handle({ kind: "datagram", from: one, bytes: answer(first) }, 700)[0]?.kind, "mapped");
});

Deno.test("StunBinding refresh asks at once, also a server that was given up", () => {
  const binding = client();
  run(binding, 45_000);
  assert.equal(sends(binding.handle({ kind: "refresh", within: 0 }, 46_000)).length, 1);
});

Deno.test("StunBinding refresh leaves servers alone that were asked a moment ago, and what they still may answer", () => {
  const binding = client();
  const first = sends(binding.handle({ kind: "tick" }, 0)).length;
  assert.equal(sends(binding.handle({ kind: "refresh", within: 2_000 }, 100)).length, 0);
  assert.equal(sends(binding.handle({ kind: "refresh", within: 50 }, 100)).length, first);
});

Deno.test("StunBinding without servers has nothing to do", () => {
  assert.equal(client([]).nextDeadline(), null);
});
