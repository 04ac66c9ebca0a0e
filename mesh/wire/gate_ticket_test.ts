import assert from "node:assert/strict";
import { decodeTicketAnswer, encodeTicketRequest, nameOfTicket, ticketInName } from "./gate_ticket.ts";
import { TICKET_LENGTH } from "./stun/mod.ts";

const TICKET = Uint8Array.from({ length: TICKET_LENGTH }, (_, i) => 240 + i);
const TRANSACTION = Uint8Array.from({ length: 12 }, (_, i) => i);
const HEAD = [1, 1, 0, 32, 0x21, 0x12, 0xa4, 0x42, ...TRANSACTION];
const ANSWER = Uint8Array.from([...HEAD, 0, 0x20, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 0xc6, 0x7d, 0, 16, ...TICKET]);

Deno.test("ticketInName() reads what nameOfTicket() writes, and nothing else", () => {
  assert.equal(nameOfTicket(TICKET), "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff.ghostgate");
  assert.deepEqual(ticketInName(nameOfTicket(TICKET)), TICKET);
  const hex = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
  for (
    const name of [
      undefined,
      "",
      "ghostgate",
      hex,
      `${hex}.`,
      `${hex}.example.com`,
      `${hex}0.ghostgate`,
      `x${hex}.ghostgate`,
    ]
  ) {
    assert.equal(ticketInName(name), null, `${name}`);
  }
});

Deno.test("decodeTicketAnswer() takes the answer to its own request, cut nowhere", () => {
  assert.deepEqual(decodeTicketAnswer(ANSWER, TRANSACTION), TICKET);
  assert.equal(decodeTicketAnswer(ANSWER, TRANSACTION.map((byte) => byte + 1)), null);
  for (let end = 0; end < ANSWER.length; end++) {
    assert.equal(decodeTicketAnswer(ANSWER.subarray(0, end), TRANSACTION), null, `${end} bytes`);
  }
  const change = (at: number, byte: number) => ANSWER.map((old, i) => i === at ? byte : old);
  for (const [at, byte] of [[0, 0], [1, 0x11], [3, 33], [4, 0], [23, 255], [33, 0x7e], [35, 15], [35, 17]] as const) {
    assert.equal(decodeTicketAnswer(change(at, byte), TRANSACTION), null, `${byte} at ${at}`);
  }
  assert.equal(decodeTicketAnswer(new Uint8Array(2_000), TRANSACTION), null);
});

Deno.test("encodeTicketRequest() makes a Binding request as long as the longest answer", () => {
  const request = encodeTicketRequest(TRANSACTION);
  assert.deepEqual([...request.subarray(0, 24)], [0, 1, 0, 44, ...HEAD.slice(4), 0xc6, 0x7d, 0, 40]);
  // Header, XOR-MAPPED-ADDRESS of IPv6, ticket.
  assert.ok(request.length >= 20 + 24 + 4 + TICKET_LENGTH);
});
