/** `ghostctl issuer` against a real coordinator and a real identity provider. */
import assert from "node:assert/strict";
import { startProvider } from "../oidc/provider.ts";
import { ok, World } from "./world.ts";

const policyOf = (issuer: string, watchers: string[] = []) =>
  `[[allow]]
from = ["*"]
to = ["*"]
[[admit]]
method = "static"
[[admit]]
method = "oidc"
issuer = "${issuer}"
client_id = "ghostmesh"
watchers = ${JSON.stringify(watchers)}
`;

Deno.test("ghostctl issuer pin, list: an admin signs what the issuer shows or a file holds, a watcher adds what it saw", async () => {
  await using provider = await startProvider({ clients: ["ghostmesh"] });
  await using world = await World.make();
  ok(await world.init("--json"));
  const kids = async () => {
    const { issuers } = await world.json("issuer", "list");
    return issuers.flatMap((i: { keys: { kid: string; lastSeen: string | null }[] }) =>
      i.keys.map((k) => [k.kid, k.lastSeen === null])
    );
  };
  assert.match(
    (await world.ctl("issuer", "pin", provider.issuer)).stderr,
    /No \[\[admit\]\] of the policy names.*in the policy first/,
  );
  const policy = await world.file("acls.toml", policyOf(provider.issuer));
  ok(await world.ctl("policy", "push", policy));
  assert.match((await world.ctl("issuer", "list")).stdout, /no key signed/);
  assert.match(
    (await world.ctl("issuer", "pin", `${provider.issuer}/`)).stderr,
    new RegExp(`it names: ${provider.issuer}`),
  );

  const pinned = await world.json("issuer", "pin", provider.issuer);
  assert.deepEqual([pinned.changed, pinned.keys[0].kid], [true, "key-0"]);
  assert.equal((await world.json("issuer", "pin", provider.issuer)).changed, false);
  assert.deepEqual(await kids(), [["key-0", true]]);

  const { flags: watcher, key } = await world.somebody("watcher");
  await provider.rotate();
  const refused = await world.ctl("issuer", "pin", provider.issuer, ...watcher);
  assert.equal(refused.code, 1);
  assert.deepEqual(await kids(), [["key-0", true]], "a key that the policy does not name signs nothing");
  await world.file("acls.toml", policyOf(provider.issuer, [key]));
  ok(await world.ctl("policy", "push", policy));
  ok(await world.ctl("issuer", "pin", provider.issuer, ...watcher));
  assert.deepEqual(await kids(), [["key-1", true], ["key-0", false]]);
  assert.equal(
    (await world.ctl("token", "create", ...watcher)).code,
    1,
    "a watcher signs keys of issuers and nothing else",
  );

  const set = await world.file("jwks.json", '{"keys": [{"kty": "oct", "k": "AAAA"}]}');
  assert.match(
    (await world.ctl("issuer", "pin", provider.issuer, "--file", set)).stderr,
    /jwks\.json: No key that could sign/,
  );
  assert.match((await world.ctl("issuer", "pin", provider.issuer, "--file", policy)).stderr, /acls\.toml/);
  await provider.rotate();
  const shown = await (await fetch(`${provider.issuer}/jwks`)).text();
  await provider[Symbol.asyncDispose]();
  const away = await world.ctl("issuer", "pin", provider.issuer);
  assert.match(away.stderr, /The issuer's keys cannot be read.*--file/);
  ok(await world.ctl("issuer", "pin", provider.issuer, "--file", await world.file("old.json", shown)));
  assert.deepEqual((await kids())[0], ["key-2", true]);
});
