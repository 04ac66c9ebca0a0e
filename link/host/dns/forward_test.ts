import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
// @ts-types="@types/dns-packet"
import { encode } from "dns-packet";
import { type Query, readQuery } from "./codec.ts";
import { Forwarder } from "./forward.ts";

const question = (name: string): Buffer =>
  encode({ type: "query", id: 7, flags: 0x0100, questions: [{ type: "A", name, class: "IN" }] });

/** Counts questions that went out: each has a number of its own. */
function counted() {
  const asked = { count: 0 };
  return { asked, random: (n: number) => (asked.count++, new Uint8Array(n)) };
}

// Over TCP and towards nobody, so that each question ends at once.
const NOBODY = { servers: ["127.255.255.254"], tcp: true };

Deno.test("Forwarder bounds what waits, also of questions that go one after another; the others have room of their own", async () => {
  for (const [here, there] of [[{}, { port: 40_000 }], [{ port: 40_000 }, {}]]) {
    const { asked, random } = counted();
    const forwarder = new Forwarder({ random });
    const bytes = question("gate.example");
    const query = readQuery(bytes) as Query;
    const all = Array.from({ length: 300 }, () => forwarder.ask(bytes, query, { ...NOBODY, ...here }));
    const other = forwarder.ask(bytes, query, { ...NOBODY, ...there });
    assert.deepEqual([...new Set(await Promise.all([...all, other]))], [null]);
    assert.equal(asked.count, 256 + 1, JSON.stringify(here));
    await forwarder.ask(bytes, query, { ...NOBODY, ...here });
    assert.equal(asked.count, 256 + 2, "there is room again");
  }
});
