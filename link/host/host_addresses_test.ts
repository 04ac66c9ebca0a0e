import assert from "node:assert/strict";
import { HostAddresses } from "./host_addresses.ts";
import { NodeState } from "./state.ts";

const NAMES = ["ghost.example", "192.0.2.9", "gate.example"];

/** A state folder, and what names resolve to. */
async function folder() {
  const dir = await Deno.makeTempDir();
  const state = new NodeState(dir);
  const answers: Record<string, string[]> = {};
  const start = async () => {
    const names = new HostAddresses({ state, resolve: (host) => Promise.resolve(answers[host] ?? []) });
    await names.load();
    return names;
  };
  const look = async (names: HostAddresses) => {
    for (const host of NAMES) await names.look(host);
    await names.keep(NAMES);
  };
  return { dir, answers, start, look, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

Deno.test("HostAddresses knows at a start what names resolved to before, when none resolves now", async () => {
  await using f = await folder();
  const first = await f.start();
  assert.deepEqual(NAMES.map((host) => [...first.of(host)]), [[], ["192.0.2.9"], []]);
  Object.assign(f.answers, { "ghost.example": ["192.0.2.2", "2001:db8::2"], "192.0.2.9": ["192.0.2.9"] });
  await f.look(first);
  assert.equal(first.failing, true, "the gate's name does not resolve");

  f.answers["ghost.example"] = [];
  const next = await f.start();
  const known = [["192.0.2.2", "2001:db8::2"], ["192.0.2.9"], []];
  assert.deepEqual(NAMES.map((host) => [...next.of(host)]), known, "before the first look");
  await f.look(next);
  assert.deepEqual(NAMES.map((host) => [...next.of(host)]), known, "and after one in vain");
  assert.equal(next.failing, true);

  Object.assign(f.answers, { "ghost.example": ["192.0.2.3"], "gate.example": ["192.0.2.4"] });
  await f.look(next);
  assert.equal(next.failing, false);
  assert.deepEqual([...(await f.start()).of("ghost.example")], ["192.0.2.3"]);
  assert.equal((await Deno.stat(`${f.dir}/addresses.json`)).mode! & 0o777, 0o600);
  assert.deepEqual(Object.keys(JSON.parse(await Deno.readTextFile(`${f.dir}/addresses.json`))), [
    "gate.example",
    "ghost.example",
  ], "addresses are no names");
});

Deno.test("HostAddresses starts without a file that does not read, and forgets hosts that are no more asked for", async () => {
  await using f = await folder();
  for (const text of ["{", '{"ghost.example": ["192.0.2.2; accept"]}', '{"ghost.example": "192.0.2.2"}']) {
    await Deno.writeTextFile(`${f.dir}/addresses.json`, text);
    assert.deepEqual([...(await f.start()).of("ghost.example")], [], text);
  }
  const names = await f.start();
  f.answers["gate.example"] = ["192.0.2.4"];
  await f.look(names);
  await names.keep(["ghost.example"]);
  assert.deepEqual([...(await f.start()).of("gate.example")], []);
  assert.equal(names.failing, true);
  await names.keep([]);
  assert.equal(names.failing, false, "nobody asks for it");
});
