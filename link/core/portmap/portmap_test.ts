import assert from "node:assert/strict";
import {
  encodeAnnounce,
  encodeMap,
  encodeUdpMap,
  lookAt,
  lostState,
  readAnswer,
  readNatPmp,
  refusedExternal,
  renewAt,
} from "./mod.ts";

const NONCE = Uint8Array.from({ length: 12 }, (_, i) => i + 1);
const REQUEST = { source: "10.9.1.2", port: 51820, nonce: NONCE };
const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const bytes = (text: string) => Uint8Array.from(text.replace(/\s/g, "").match(/../g) ?? [], (two) => parseInt(two, 16));

/** RFC 6887 section 7.2 and 11.1: result 0, lifetime 120, epoch 7, 203.0.113.2:40001. */
const PCP_MAPPED = bytes(`
  02 81 00 00  00 00 00 78  00 00 00 07  00000000 00000000 00000000
  0102030405060708090a0b0c  11 000000  ca6c 9c41  00000000000000000000ffff cb007102`);

Deno.test("encodeMap() and encodeAnnounce() are the bytes of RFC 6887 sections 7.1 and 11.1", () => {
  const source = "00000000000000000000ffff0a090102";
  assert.equal(hex(encodeAnnounce("10.9.1.2")), `0200000000000000${source}`);
  const any = "00000000000000000000ffff00000000";
  const nonce = hex(NONCE);
  assert.equal(
    hex(encodeMap(REQUEST, { lifetime: 600, suggested: null })),
    `0201000000000258${source}${nonce}11000000ca6c0000${any}`,
  );
  const again = encodeMap(REQUEST, { lifetime: 0, suggested: { address: "203.0.113.2", port: 40001 } });
  assert.equal(hex(again), `0201000000000000${source}${nonce}11000000ca6c9c4100000000000000000000ffffcb007102`);
});

Deno.test("readAnswer() takes a router's answer, and says a refusal in words", () => {
  assert.deepEqual(readAnswer(PCP_MAPPED, REQUEST), {
    kind: "mapped",
    epoch: 7,
    external: { address: "203.0.113.2", port: 40001 },
    lifetime: 120,
  });
  const refused = PCP_MAPPED.slice();
  refused[3] = 8;
  assert.deepEqual(readAnswer(refused, REQUEST), { kind: "refused", epoch: 7, why: "has no resources left" });
  const alive = bytes("02 80 00 00 00000000 0000002a 00000000 00000000 00000000");
  assert.deepEqual(readAnswer(alive, null), { kind: "alive", epoch: 42 });
});

Deno.test("readAnswer() drops every answer with one changed byte where the request is told by it", () => {
  // version, opcode, nonce, protocol, inner port
  for (const at of [0, 1, ...Array.from({ length: 12 }, (_, i) => 24 + i), 36, 40, 41]) {
    const forged = PCP_MAPPED.slice();
    forged[at]! ^= 1;
    assert.equal(readAnswer(forged, REQUEST), null, `byte ${at}`);
  }
  for (let length = 0; length < PCP_MAPPED.length; length++) {
    assert.equal(readAnswer(PCP_MAPPED.subarray(0, length), REQUEST), null, `${length} bytes`);
  }
  assert.equal(readAnswer(new Uint8Array(2000).fill(2), REQUEST), null);
});

Deno.test("NAT-PMP's requests and answers are those of RFC 6886 sections 3.2 and 3.3", () => {
  assert.equal(hex(encodeUdpMap(51820, { suggested: 40001, lifetime: 600 })), "00010000ca6c9c4100000258");
  const mapped = bytes("00 81 0000 00000007 ca6c 9c41 00000258");
  assert.deepEqual(readNatPmp(mapped, 51820), { kind: "mapped", epoch: 7, port: 40001, lifetime: 600 });
  assert.equal(readNatPmp(mapped, 51821), null, "another port's answer");
  assert.equal(readNatPmp(mapped, null), null, "an answer to another question");
  assert.equal(readNatPmp(mapped.subarray(0, 15), 51820), null);
  const address = bytes("00 80 0000 00000007 cb007102");
  assert.deepEqual(readNatPmp(address, null), { kind: "address", epoch: 7, address: "203.0.113.2" });
  assert.deepEqual(readNatPmp(bytes("00 81 0002 00000007"), 51820), {
    kind: "refused",
    epoch: 7,
    why: "does not allow it",
  });
  const nowhere = bytes("00 81 0000 00000007 ca6c 0000 00000258");
  assert.deepEqual(readNatPmp(nowhere, 51820), { kind: "refused", epoch: 7, why: "names no port" });
});

Deno.test("lostState() tells a router that began anew from one whose clock is a little off", () => {
  const seen = (epoch: number, seconds: number) => ({ epoch, at: seconds * 1000 });
  const before = seen(1000, 0);
  assert.equal(lostState(before, seen(1060, 60)), false);
  assert.equal(lostState(before, seen(1057, 60)), false, "slow by a twentieth");
  assert.equal(lostState(before, seen(5, 60)), true, "began anew");
  assert.equal(lostState(before, seen(999, 0)), false, "rounded");
  assert.equal(lostState(before, seen(1003, 60)), true, "began anew and had been up longer before");
  assert.equal(lostState(before, seen(1600, 60)), true, "another router");
});

Deno.test("refusedExternal() believes addresses of the internet alone", () => {
  const overlay = (address: string) => address.startsWith("198.18.");
  assert.equal(refusedExternal("203.0.113.2", overlay), null);
  for (const inside of ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1"]) {
    assert.match(refusedExternal(inside, overlay)!, /itself is behind a NAT/, inside);
  }
  const nobody = ["0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.169.254", "224.0.0.1", "239.255.255.250", "240.0.0.1"];
  for (const address of [...nobody, "255.255.255.255"]) {
    assert.match(refusedExternal(address, overlay)!, /nobody can reach/, address);
  }
  assert.match(refusedExternal("198.18.0.1", overlay)!, /an address of this network/);
  for (const strange of ["", "gateway", "1.2.3", "0x7f.1", "::1", "::ffff:10.0.0.1", "2001:db8::1"]) {
    assert.notEqual(refusedExternal(strange, overlay), null, strange);
  }
});

Deno.test("renewAt() and lookAt() keep to their bounds whatever lifetime a router names", () => {
  assert.equal(renewAt(0, 600), 300_000);
  assert.equal(renewAt(0, 0), 30_000);
  assert.equal(renewAt(0, 0xffff_ffff), 3_600_000);
  assert.equal(lookAt(0, { renew: 300_000, clock: true }), 60_000);
  assert.equal(lookAt(0, { renew: 300_000, clock: false }), 300_000);
});
