import assert from "node:assert/strict";
import { ago, bytes, milliseconds, pairs, printable, span, table } from "./text.ts";

Deno.test("table() aligns columns and shows what is missing as a dash", () => {
  assert.equal(
    table(["NAME", "X"], [["alice", null], ["b", "long"]], { colour: false }),
    "NAME   X\nalice  -\nb      long",
  );
  assert.equal(table(["A"], [["b"]], { colour: true }), "\x1b[1mA\x1b[0m\nb");
  assert.equal(pairs([["a", "1"], ["long", "2"]]), "a     1\nlong  2");
});

Deno.test("printable() shows what could steer a terminal or hide text", () => {
  assert.equal(printable("a\x1b[2Jb\nc\u202ed"), "a\\u{1b}[2Jb\\u{a}c\\u{202e}d");
  assert.equal(printable("a\n\tb\r", { lines: true }), "a\n\tb\\u{d}");
  assert.equal(table(["N"], [["x\x1b"]], { colour: false }), "N\nx\\u{1b}");
});

Deno.test("numbers are spelt short", () => {
  assert.deepEqual([milliseconds(null), milliseconds(4.21), milliseconds(1234.5)], [null, "4.2 ms", "1235 ms"]);
  assert.deepEqual([0, 999, 1500, 999_600, 150e6, 2.5e12].map(bytes), [
    "0 B",
    "999 B",
    "1.5 kB",
    "1.0 MB",
    "150 MB",
    "2.5 TB",
  ]);
  assert.deepEqual([5, 180, 7200, 200_000].map(span), ["5s", "3m", "2h", "2d"]);
  assert.equal(ago("1970-01-01T00:00:00Z", 60_000), "60s ago");
  assert.equal(ago(null, 0), null);
});

Deno.test("table() cuts the widest columns to the terminal's width and never the first", () => {
  const rows = [["a-long-name-of-a-machine", "x".repeat(60), "direct"]];
  const lines = table(["PEER", "ADDRESSES", "PATH"], rows, { colour: false, width: 60 }).split("\n");
  assert.ok(lines.every((line) => line.length <= 60), lines.join("\n"));
  assert.match(lines[1]!, /^a-long-name-of-a-machine {2}x+… {2}direct$/);
  const wide = table(["PEER", "ADDRESSES", "PATH"], rows, { colour: false, width: Infinity });
  assert.ok(wide.includes("x".repeat(60)));
  assert.ok(table(["PEER", "ADDRESSES"], [["a", "b".repeat(40)]], { colour: false, width: 1 }).includes("bbbbbbb…"));
});

Deno.test("table() leaves ids out where there is no room for them", () => {
  const rows = [["bob", "100.64.3.4", "f4k2q3x7m5v6b2n4c7d3s5a2ga"]];
  assert.equal(
    table(["PEER", "ADDRESSES", "ID"], rows, { colour: false, width: 30 }),
    "PEER  ADDRESSES\nbob   100.64.3.4",
  );
  assert.match(table(["PEER", "ADDRESSES", "ID"], rows, { colour: false, width: 80 }), /f4k2q3x7m5v6b2n4c7d3s5a2ga/);
});
