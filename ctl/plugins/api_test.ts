import assert from "node:assert/strict";
import { COMMANDS, GLOBAL_OPTIONS } from "../table.ts";
import type { Plugin, PluginVerb } from "./api.ts";
import { readManifest } from "./manifest.ts";

const VERB = {
  name: "direct",
  summary: "List the machines that are reached directly",
  arguments: [{ name: "peer", summary: "a machine", peer: true, optional: true }],
  options: [{ name: "most", value: "N", summary: "not more than so many", repeat: true, required: true }],
  details: ["As peers shows them."],
  examples: [{ line: "ghostctl direct", what: "their names" }],
  json: { peers: ["bob"] },
  run: () => ({ json: {}, text: "" }),
} satisfies PluginVerb;

/** What the module's process tells of a plugin (harness.ts), read. */
function read({ verbs, ...plugin }: Plugin): unknown {
  const told = verbs.map(({ run: _, complete, ...verb }) => ({ ...verb, completes: complete !== undefined }));
  return readManifest({ ...plugin, verbs: told }, { file: "direct.ts", commands: COMMANDS, globals: GLOBAL_OPTIONS });
}

Deno.test("a plugin's type allows what its manifest does, and no more", () => {
  read({ name: "direct", permissions: { state: ["peers"] }, verbs: [VERB] });
  const refused = { code: "bad_input" };
  // @ts-expect-error: every verb of a plugin is
  assert.throws(() => read({ name: "direct", verbs: [{ ...VERB, live: true }] }), refused);
  const elsewhere = { test: "a_test.ts", why: "only ours are run by a test" };
  // @ts-expect-error: it is for the tests of ghostctl's own verbs
  const told: PluginVerb = { ...VERB, examples: [{ ...VERB.examples[0]!, elsewhere }] };
  assert.throws(() => read({ name: "direct", verbs: [told] }), refused);
});
