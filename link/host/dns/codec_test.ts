import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
// @ts-types="@types/dns-packet"
import { decode, encode } from "dns-packet";
import fc from "fast-check";
import { answers, emptyReply, fitted, MAX_QUERY, type Query, RCODE, readQuery, withId, zoneReply } from "./codec.ts";

const bytes = (name: string, type: "A" | "AAAA" | "PTR" = "A") =>
  new Uint8Array(encode({ type: "query", id: 7, flags: 0x0100, questions: [{ type, name, class: "IN" }] }));
const query = (name: string) => readQuery(bytes(name)) as Query;

Deno.test("readQuery() reads a question and answers what is none with its error, or not at all", () => {
  assert.deepEqual([query("Bob.home.ghost").name, query("b.c").type, query("b.c").room], ["Bob.home.ghost", "A", 512]);
  const status = bytes("a.b");
  status[2] = 0x10;
  const two = bytes("a.b");
  two[5] = 2;
  for (const [packet, rcode] of [[status, RCODE.notImplemented], [two, RCODE.format]] as const) {
    const wrong = readQuery(packet);
    assert.ok(wrong && "reply" in wrong);
    assert.equal(wrong.reply[3]! & 15, rcode);
  }
  assert.equal(readQuery(emptyReply(query("a.b"), 0)), null, "an answer is not answered");
  assert.equal(readQuery(new Uint8Array(MAX_QUERY + 1)), null);
});

Deno.test("zoneReply() answers the question as it was spelt; an absent name comes with the zone's SOA", () => {
  const records = [{ type: "A" as const, data: "100.64.0.2" }];
  const found = decode(Buffer.from(zoneReply(query("BoB.home.ghost"), { exists: true, zone: "home.ghost", records })));
  assert.equal(found.id, 7);
  assert.deepEqual(found.answers!.map((a) => [a.name, "data" in a && a.data]), [["BoB.home.ghost", "100.64.0.2"]]);
  const none = decode(
    Buffer.from(zoneReply(query("x.home.ghost"), { exists: false, zone: "home.ghost", records: [] })),
  );
  assert.equal((none as { rcode?: string }).rcode, "NXDOMAIN");
  assert.equal(none.authorities![0]!.type, "SOA");
});

Deno.test("answers() takes an answer to this question with this number only", () => {
  const q = query("bob.example");
  const reply = withId(emptyReply(q, 0), 9);
  assert.ok(answers(reply, 9, q));
  assert.ok(!answers(reply, 8, q));
  assert.ok(!answers(withId(emptyReply(query("eve.example"), 0), 9), 9, q));
  assert.ok(!answers(withId(bytes("bob.example"), 9), 9, q));
});

Deno.test("fitted() cuts what is too long and says so", () => {
  const q = query("bob.example");
  const long = new Uint8Array(600);
  long.set(emptyReply(q, 0));
  const short = decode(Buffer.from(fitted(long, q)));
  assert.equal(short.flag_tc, true);
  assert.deepEqual(short.questions!.map(({ name }) => name), ["bob.example"]);
});

Deno.test("readQuery() and answers() survive whatever comes", () => {
  const good = bytes("a.b.c", "PTR");
  const q = query("a.b");
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600 }),
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255))),
      (raw, edits) => {
        const bent = good.slice();
        for (const [at, value] of edits) bent[at] = value;
        for (const packet of [raw, bent, new Uint8Array([...good.subarray(0, 12), ...raw])]) {
          const read = readQuery(packet);
          if (read && !("reply" in read)) {
            assert.ok(
              zoneReply(read, { exists: false, zone: "z", records: [] }).length < 1200,
            );
          }
          answers(packet, 7, q);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
