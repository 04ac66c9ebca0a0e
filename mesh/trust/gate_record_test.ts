import assert from "node:assert/strict";
import { DEFAULT_ADMIT } from "../wire/admit.ts";
import { GATE_TYP } from "../wire/record.ts";
import { makeTokenProof } from "./admission/mod.ts";
import { signJws } from "./jws.ts";
import type { Ledger } from "./ledger.ts";
import { signGateRecord, type VerifiedGate, verifyGateRecord, verifyNodeRecord } from "./record.ts";
import { everyMutationIsRefused, ghost } from "./testdata/assert.ts";
import { add, gateGrantKey, gateRecordOf, grantKey, network, NOW } from "./testdata/network.ts";

const ledger = await network();

async function verify(change: Record<string, unknown> = {}, own: Ledger = ledger, now = NOW): Promise<VerifiedGate> {
  const { key, record } = await gateRecordOf(own, "gate");
  return await verifyGateRecord(await signJws({ ...record, ...change }, { typ: GATE_TYP, key }), {
    ledger: own,
    now,
    admit: DEFAULT_ADMIT,
  });
}

Deno.test("verifyGateRecord() tells what a gate is", async () => {
  const { key, id, record } = await gateRecordOf(ledger, "gate");
  const jws = await signGateRecord(record, key);
  const gate = await verifyGateRecord(jws, { ledger, now: NOW, admit: DEFAULT_ADMIT });
  assert.deepEqual(
    { ...gate, admission: gate.admission.grant },
    { id, key: key.public, jws, record, admission: gateGrantKey.public, name: "gate", draining: false },
  );
  await everyMutationIsRefused(jws, (text) => verifyGateRecord(text, { ledger, now: NOW, admit: DEFAULT_ADMIT }));
});

Deno.test("verifyGateRecord() refuses a node's token, a revoked gate and wrong times", async () => {
  const own = await network();
  const { key, record } = await gateRecordOf(own, "gate");
  const proof = await makeTokenProof({ grantKey, net: own.network.id, sub: key.public, iat: NOW });
  await assert.rejects(verify({ proof }, own), ghost("not_admitted", /admits nodes only; .*--gate/));
  await assert.rejects(verify({}, own, NOW - 301), ghost("clock_skew"));
  await assert.rejects(verify({}, own, record.exp), ghost("bad_record", /^record\.exp/));
  await add(own, "revoke", { what: "gate", key: key.public });
  await assert.rejects(verify({}, own), ghost("revoked", /This gate was revoked/));
});

Deno.test("verifyGateRecord() refuses hosts that are neither names nor addresses", async () => {
  await verify({ hosts: ["gate", "gate.example.com.", "xn--bcher-kva.example", "192.0.2.1", "2001:db8::1"] });
  for (const host of ["a b", "-x", "gate\n", "http://gate", "[::1]", "a..b", "gate:3478", "*", "1.2.3.4/8", "é"]) {
    await assert.rejects(verify({ hosts: ["gate", host] }), ghost("bad_record", /^record\.hosts\[1\]: Neither/), host);
  }
});

Deno.test("gate records and node records are not taken for each other", async () => {
  const { key, record } = await gateRecordOf(ledger, "gate");
  const jws = await signGateRecord(record, key);
  await assert.rejects(
    verifyNodeRecord(jws, { ledger, now: NOW, admit: DEFAULT_ADMIT }),
    ghost("bad_signature", /Expected typ/),
  );
});

Deno.test("signGateRecord() refuses a record that nobody would take", async () => {
  const { key, record } = await gateRecordOf(ledger, "gate");
  await assert.rejects(signGateRecord({ ...record, quic: 0 }, key), ghost("bad_record", /^record\.quic: /));
});

Deno.test("verifyGateRecord() holds a gate to the name and addresses that an admin gave it", async () => {
  const own = await network();
  const { key, record } = await gateRecordOf(own, "gate1");
  const verify = async (hosts: string[]) =>
    await verifyGateRecord(await signGateRecord({ ...record, hosts }, key), {
      ledger: own,
      now: NOW,
      admit: DEFAULT_ADMIT,
    });
  await add(own, "gate", {
    key: key.public,
    name: "frankfurt",
    region: "eu",
    addresses: ["192.0.2.1", "gate.example.com"],
  });
  assert.equal((await verify(["192.0.2.1"])).name, "frankfurt");
  await assert.rejects(verify(["192.0.2.1", "192.0.2.9"]), ghost("bad_record", /hosts\[1\]: An admin gave/));
});
