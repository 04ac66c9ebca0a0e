import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeTicketAnswer, encodeTicketRequest } from "../../mesh/wire/gate_ticket.ts";
import { decodeStun, TICKET_LENGTH, type TransportAddress } from "../../mesh/wire/stun/mod.ts";
import { answerBinding, readBinding } from "./stun.ts";

/** What comes back for a datagram. */
function answered(
  bytes: Uint8Array,
  o: { from: TransportAddress; ticket?(): Uint8Array },
): Uint8Array | null {
  const request = readBinding(bytes);
  return request && answerBinding(request, o);
}

function hex(text: string): Uint8Array {
  return Uint8Array.from((text.replace(/\s/g, "").match(/../g) ?? []).map((pair) => parseInt(pair, 16)));
}

function toHex(bytes: Uint8Array | null): string | null {
  return bytes && [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

const ID = "b7e7a701bc34d686fa87dfae";
const PLAIN = hex(`00010000 2112a442 ${ID}`);
const IPV4 = { from: { address: "192.0.2.1", port: 32853 } };
const IPV6 = { from: { address: "2001:db8:1234:5678:11:2233:4455:6677", port: 32853 } };

/** RFC 5769 section 2.1: a request with SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY and FINGERPRINT. */
const RFC5769_REQUEST = hex(`
  00010058 2112a442 ${ID} 80220010 5354554e 20746573 7420636c 69656e74 00240004 6e0001ff 80290008 932ff9b1 51263b36
  00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf`);

Deno.test("answerBinding() gives the XOR-MAPPED-ADDRESS of RFC 5769 section 2.2 and 2.3", () => {
  assert.equal(toHex(answered(PLAIN, IPV4)), `0101000c2112a442${ID}002000080001a147e112a643`);
  assert.equal(
    toHex(answered(PLAIN, IPV6)),
    `010100182112a442${ID}002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9`,
  );
});

Deno.test("answerBinding() checks FINGERPRINT and answers with one when the request has one", () => {
  const answer = answered(RFC5769_REQUEST, IPV4)!;
  assert.equal(toHex(answer)!.slice(0, -16), `010100142112a442${ID}002000080001a147e112a643`);
  assert.equal(toHex(answer)!.slice(-16, -8), "80280004");

  const wrong = RFC5769_REQUEST.slice();
  wrong[wrong.length - 1]! ^= 1;
  assert.equal(answered(wrong, IPV4), null);
  const changed = RFC5769_REQUEST.slice();
  changed[30]! ^= 1;
  assert.equal(answered(changed, IPV4), null);
});

Deno.test("answerBinding() makes a FINGERPRINT that its own check accepts", () => {
  assert.equal(decodeStun(answered(RFC5769_REQUEST, IPV4)!).class, "success");
});

Deno.test("answerBinding() answers an unknown comprehension-required attribute with 420 and its type", () => {
  const request = hex(`00010008 2112a442 ${ID} 00040004 00000006`);
  assert.equal(toHex(answered(request, IPV4)), `011100102112a442${ID}0009000400000414000a000200040000`);
});

Deno.test("readBinding() drops what is no well-formed Binding request", () => {
  for (
    const text of [
      "",
      `00010000 2112a442 b7e7a701bc34d686fa87df`,
      `00010000 2112a443 ${ID}`,
      `01010000 2112a442 ${ID}`,
      `00110000 2112a442 ${ID}`,
      `00030000 2112a442 ${ID}`,
      `00010004 2112a442 ${ID}`,
      `00010000 2112a442 ${ID} 80220000`,
      `00010002 2112a442 ${ID} 8022`,
      `00010008 2112a442 ${ID} 80220008 00000000`,
      `00010006 2112a442 ${ID} 80220002 0000`,
      `0001000c 2112a442 ${ID} 80280004 00000000 80220000`,
    ]
  ) assert.equal(answered(hex(text), IPV4), null, text);
});

Deno.test("answerBinding() never throws and never answers with much more than it got", () => {
  const some = fc.uint8Array({ maxLength: 200 });
  fc.assert(fc.property(some, some, (junk, attributes) => {
    for (
      const bytes of [
        junk,
        Uint8Array.from([
          ...PLAIN.subarray(0, 2),
          attributes.length >> 8,
          attributes.length & 255,
          ...PLAIN.subarray(4),
          ...attributes,
        ]),
      ]
    ) {
      const answer = answered(bytes, IPV6);
      if (answer) assert(answer.length <= bytes.length + 24);
    }
  }));
});

Deno.test("answerBinding() gives a ticket to who asks for one in a request that is long enough, and to nobody else", () => {
  const ticket = Uint8Array.from({ length: TICKET_LENGTH }, (_, i) => 0xa0 + i);
  const transaction = hex(ID);
  const asked = encodeTicketRequest(transaction);
  for (const to of [IPV4, IPV6]) {
    const answer = answered(asked, { ...to, ticket: () => ticket })!;
    assert.deepEqual(decodeTicketAnswer(answer, transaction), ticket);
    assert.ok(answer.length <= asked.length, `${answer.length} bytes for ${asked.length}`);
    const plain = answered(PLAIN, { ...to, ticket: () => assert.fail("it was not asked for") })!;
    assert.equal(decodeTicketAnswer(plain, transaction), null);
    assert.equal(decodeTicketAnswer(answered(asked, to)!, transaction), null);
    const short = Uint8Array.from([...PLAIN.subarray(0, 3), 8, ...PLAIN.subarray(4), 0xc6, 0x7d, 0, 4, 0, 0, 0, 0]);
    assert.equal(decodeTicketAnswer(answered(short, { ...to, ticket: () => ticket })!, transaction), null);
  }
});
