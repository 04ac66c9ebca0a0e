import assert from "node:assert/strict";
import { theOne } from "./the_one.ts";

const line = (code: string, message: string, mend: string) => ({ code, message, mend });
const GATES = { what: "gate", see: "ghostctl gate list" } as const;
const ids = ["f4k2q3x7m5v6b2n4c7d3s5a2ga", "a4k2q3x7m5v6b2n4c7d3s5a2ga"];
const list = [
  { id: ids[0]!, key: "Key0", name: "bob" },
  { id: ids[1]!, key: "Key1", name: "carol" },
];

Deno.test("theOne() finds by name in any case, by id and by key, which keeps its case", () => {
  for (const wanted of ["bob", "Bob", ids[0]!, "Key0"]) assert.equal(theOne(list, wanted, GATES), list[0]);
  assert.throws(() => theOne(list, "key0", GATES), line("not_found", 'No gate "key0"', "see: ghostctl gate list"));
});

Deno.test("theOne() asks for an id where several have the name", () => {
  const twins = list.map((one) => ({ ...one, name: "bob" }));
  assert.throws(
    () => theOne(twins, "bob", GATES),
    line("bad_input", 'Several gates are called "bob"', `name one by its id: ${ids.join(", ")}`),
  );
});

Deno.test("theOne() is not led astray by a name that is another's id", () => {
  const liar = [{ ...list[1]!, name: ids[0]! }, list[0]!];
  assert.equal(theOne(liar, ids[0]!, GATES), list[0]);
});
