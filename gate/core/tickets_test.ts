import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { TICKET_LENGTH } from "../../mesh/wire/stun/mod.ts";
import { Tickets } from "./tickets.ts";

const hmac = (key: Uint8Array, data: Uint8Array) => new Uint8Array(createHmac("sha256", key).update(data).digest());
const [HOUR, NOW] = [3_600_000, Date.UTC(2030, 0, 1, 12, 30)];
const V4 = Uint8Array.of(192, 0, 2, 1);
const V6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

Deno.test("Tickets hold for one address, in the hour that they were given in and the next one, under one key", () => {
  const tickets = new Tickets({ key: new Uint8Array(32), hmac });
  for (const address of [V4, V6]) {
    const ticket = tickets.give(address, NOW);
    assert.equal(ticket.length, TICKET_LENGTH);
    assert.ok(tickets.holds(ticket, address, NOW));
    assert.ok(tickets.holds(ticket, address, NOW + HOUR), "for an hour at least");
    assert.ok(!tickets.holds(ticket, address, NOW + 2 * HOUR), "and no longer than two");
    assert.ok(!tickets.holds(ticket, address, NOW - HOUR), "not before it was given");
    const other = Uint8Array.from(address, (byte, i) => i === address.length - 1 ? byte + 1 : byte);
    assert.ok(!tickets.holds(ticket, other, NOW));
    assert.ok(!tickets.holds(ticket.subarray(0, 8), address, NOW));
    assert.ok(!tickets.holds(new Uint8Array(0), address, NOW));
    assert.ok(!new Tickets({ key: new Uint8Array(32).fill(1), hmac }).holds(ticket, address, NOW));
  }
});
