import assert from "node:assert/strict";
import {
  localPeer,
  localPingAnswer,
  localRotateAnswer,
  localRoutes,
  localStatus,
  localWhois,
} from "../mesh/wire/local.ts";
import { localExit } from "../mesh/wire/local_exit.ts";
import { localFirewall, localFirewallFlow } from "../mesh/wire/local_firewall.ts";
import { localNetcheck, localPath } from "../mesh/wire/local_look.ts";
import { z } from "../mesh/wire/schema.ts";
import { usageOf } from "./spec.ts";
import { COMMANDS, GLOBAL_OPTIONS } from "./table.ts";

Deno.test("COMMANDS has each verb once, with code behind it and unambiguous options", async () => {
  assert.equal(new Set(COMMANDS.map((c) => c.name)).size, COMMANDS.length);
  for (const command of COMMANDS) {
    const names = [...GLOBAL_OPTIONS, ...command.options ?? []].map((o) => o.name);
    assert.equal(new Set(names).size, names.length, command.name);
    assert.equal(typeof (await command.load()).run, "function");
    assert.ok(command.examples.length > 0, command.name);
    for (const { line } of command.examples) assert.ok(line.startsWith(`ghostctl ${command.name}`), line);
  }
});

Deno.test("COMMANDS shows the JSON that the daemon's schemas describe", () => {
  const shape = (name: string) => COMMANDS.find((c) => c.name === name)!.json;
  const schemas: [string, z.ZodType][] = [
    ["status", localStatus.strict()],
    ["peers", z.strictObject({ peers: z.array(localPeer.strict()) })],
    ["ping", localPingAnswer.strict()],
    ["keys rotate", localRotateAnswer.strict()],
    ["route list", localRoutes.strict()],
    ["netcheck", localNetcheck.strict()],
    ["debug path", localPath.strict()],
    ["whois", localWhois.strict()],
    ["whoami", localWhois.strict()],
    ["exit-node list", localExit.strict()],
    ["firewall counters", localFirewall.strict()],
    ["firewall log", z.strictObject({ flows: z.array(localFirewallFlow.strict()) })],
  ];
  for (const [name, schema] of schemas) assert.deepEqual(schema.parse(shape(name)), shape(name));
});

Deno.test("usageOf() spells arguments and options", () => {
  const usage = (name: string) => usageOf(COMMANDS.find((c) => c.name === name)!);
  assert.equal(usage("route add"), "ghostctl route add PREFIX via NAME [--metric N] [--keep-source] [--as PREFIX]");
  assert.equal(usage("route remove"), "ghostctl route remove PREFIX [via NAME]");
  assert.match(usage("token create"), /\[--tag TAG\]\.\.\. /);
  assert.match(usage("init"), /^ghostctl init --server HOST --setup CODE \[--acls FILE\]/);
});

Deno.test("no verb's answer has a field called version, which is the format's own", () => {
  const named = COMMANDS.filter(({ json }) => "version" in json).map(({ name }) => name);
  assert.deepEqual(named, []);
});
