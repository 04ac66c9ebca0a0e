import assert from "node:assert/strict";
import { candidates } from "./completion.ts";
import { COMMANDS, GLOBAL_OPTIONS } from "./table.ts";

const TABLE = { commands: COMMANDS, globals: GLOBAL_OPTIONS };
const words = async (...typed: string[]) => {
  const peers = () => Promise.resolve(["bob", "carol"]);
  return (await candidates(typed, TABLE, { peers })).map(([word]) => word);
};

Deno.test("candidates() follow the verb, its arguments and options, and the machines that are there", async () => {
  assert.deepEqual(await words("stat"), ["status"]);
  assert.deepEqual(await words("nodes", "re"), ["rename", "revoke"]);
  assert.deepEqual(await words("ping", ""), ["bob", "carol"]);
  assert.deepEqual(await words("ping", "--count", "3", "c"), ["carol"]);
  assert.deepEqual(await words("ping", "bob", ""), []);
  assert.deepEqual(await words("route", "add", "10.1.1.0/24", ""), ["via"]);
  assert.deepEqual(await words("nodes", "expire", "bob", "n"), ["now", "never"]);
  assert.deepEqual(await words("set", "--ssh", ""), ["on", "off"]);
  assert.deepEqual(await words("exit-node", "offer", ""), ["on", "off"]);
  assert.deepEqual(await words("status", "--j"), ["--json"]);
  assert.deepEqual(await words("status", "--json", "--j"), []);
  assert.deepEqual(await words("banana", ""), []);
  assert.ok((await words("")).includes("completion"));
});
