import assert from "node:assert/strict";
import { GhostError } from "../wire/errors.ts";
import { z } from "../wire/schema.ts";
import { loadToml, parseToml } from "./config.ts";

const schema = z.strictObject({
  server: z.strictObject({
    bind: z.string().default("0.0.0.0:7777"),
    limit: z.int().min(1).optional(),
    auth: z.union([z.enum(["oidc", "static"]), z.array(z.enum(["oidc", "static"]))]).default("static"),
  }).prefault({}),
  hosts: z.array(z.strictObject({ name: z.string() })).default([]),
});

function refusal(source: string): string {
  try {
    parseToml(source, schema, "ghostmesh.toml");
  } catch (error) {
    assert.ok(error instanceof GhostError);
    assert.equal(error.code, "bad_config");
    return error.line;
  }
  throw new Error("not refused");
}

Deno.test("parseToml() gives defaults for an empty file", () => {
  const value = parseToml("", schema, "x.toml");
  assert.equal(value.server.bind, "0.0.0.0:7777");
  assert.deepEqual(value.hosts, []);
});

Deno.test("parseToml() names file, line, column, key and the nearest known key", () => {
  assert.equal(
    refusal('# c\n[server]\nbnd = "x"\n'),
    'ghostmesh.toml:3:1 server.bnd: Unknown key; did you mean "bind"?',
  );
  assert.equal(
    refusal('[server]\nzzzzzzzz = "x"\n'),
    "ghostmesh.toml:2:1 server.zzzzzzzz: Unknown key; known here: bind, limit, auth",
  );
  assert.equal(
    refusal("[[hosts]]\nname = 'a'\n[[hosts]]\nnam = 'b'\n"),
    'ghostmesh.toml:4:1 hosts[1].nam: Unknown key; did you mean "name"?',
  );
  assert.equal(refusal("[serve]\n"), 'ghostmesh.toml:1:2 serve: Unknown key; did you mean "server"?');
});

Deno.test("parseToml() names the place of a wrong value, of a missing key and of a syntax error", () => {
  assert.equal(refusal("[server]\n  bind = 1\n"), "ghostmesh.toml:2:3 server.bind: Expected string, got number");
  assert.equal(refusal("server.limit = 0\n").startsWith("ghostmesh.toml:1:8 server.limit: "), true);
  assert.equal(refusal("[server]\nauth = 3\n").startsWith("ghostmesh.toml:2:1 server.auth: "), true);
  assert.equal(refusal("[[hosts]]\n"), "ghostmesh.toml:1:3 hosts[0].name: Missing (Expected string)");
  assert.match(refusal("a = \n"), /^ghostmesh\.toml:2:1: /);
  assert.match(refusal("[server]\nbind='a'\nbind='b'\n"), /^ghostmesh\.toml:3:1: /);
});

Deno.test("loadToml() says when there is no such file", async () => {
  await assert.rejects(loadToml("/nowhere/ghostmesh.toml", schema), (error: GhostError) => {
    assert.equal(error.line, "/nowhere/ghostmesh.toml: No such file");
    return true;
  });
});
