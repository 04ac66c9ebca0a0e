/** Joining by a log-in at a real provider, through a real coordinator: what is let in, what is not, and what peers make of it. */
import assert from "node:assert/strict";
import { logInAgain } from "../../link/host/login/again.ts";
import type { LoginJoin } from "../../link/host/login/join.ts";
import { join } from "../../link/host/join.ts";
import { admissionWarnings } from "../../link/host/admission_warnings.ts";
import { MeshClient } from "../../mesh/client/mod.ts";
import { newSigningKey } from "../../mesh/server/testing.ts";
import { IssuerBook } from "../../mesh/trust/admission/mod.ts";
import { signEntry } from "../../mesh/trust/ledger.ts";
import { readNodeRecord, signNodeRecord } from "../../mesh/trust/record.ts";
import { fetchJson } from "../../mesh/wire/fetch_json.ts";
import { encodeToken } from "../../mesh/wire/token.ts";
import { oidcTest, random, refusal, tls } from "./network.ts";

oidcTest("a machine without a browser joins, and every page names machine, network and user", {}, async (net) => {
  net.provider.users.set("ann", { email: "ann@example.com", email_verified: true, groups: ["sre"] });
  const ann = await net.join("ann");
  assert.match(net.pages[0]!, /Let ann join\?.*The machine “ann” \([a-z2-7]{8}\) wants to join the network “home”/s);
  assert.ok(net.pages[0]!.includes(ann.id.slice(0, 8)));
  assert.match(net.pages[1]!, /One moment|has joined/);
  assert.match(await net.landing(net.shown), /“ann” \([a-z2-7]{8}\) has joined “home” as ann@example.com/);
  assert.equal(new URL(net.shown).origin, net.provider.issuer, "the address is the provider's own");
  const view = await net.view(ann.id);
  const { user, subject, groups } = view.nodes.get(ann.id)!.verified;
  assert.deepEqual({ user, subject, groups }, {
    user: "ann@example.com",
    subject: `ann@${net.provider.issuer}`,
    groups: ["sre"],
  });
  const { ca } = (await ann.state.network())!;
  assert.equal(ca, tls.ca.trimEnd() + "\n", "the coordinator's own certificate is pinned from then on");
});

oidcTest(
  "a machine with a browser joins over loopback, and the coordinator sees no code",
  { browser: true },
  async (net) => {
    net.provider.users.set("ann", { email: "ann@example.com", email_verified: true });
    const ann = await net.join("ann");
    assert.match(net.pages[0]!, /"ann" is now in the network "home" as ann@example.com/);
    assert.match(new URL(net.shown).searchParams.get("redirect_uri")!, /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    assert.ok((await net.view(ann.id)).nodes.has(ann.id));
  },
);

oidcTest("without a token the network id is asked for, and another network is refused", {}, async (net) => {
  const join = async (more: Partial<LoginJoin>) => await net.join("ann", more);
  const bare = { server: net.server };
  await assert.rejects(join(bare), refusal("bad_input", /HOST#ID or with --network ID/));
  await assert.rejects(join({ ...bare, network: "a".repeat(32) }), refusal("wrong_network", /The server's network is/));
  await assert.rejects(join({ ...bare, network: "x" }), refusal("bad_input", /no network id/));
  await assert.rejects(join({ ...bare, confirm: () => Promise.resolve(false) }), refusal("wrong_network", /meant/));
  net.provider.users.set("ann", { email: "ann@example.com", email_verified: true });
  await join({ ...bare, confirm: ({ id }) => Promise.resolve(id === net.world.net) });
});

oidcTest("a way that is not open is told with those that are", { authMethods: ["static", "mtls"] }, async (net) => {
  await assert.rejects(net.join("ann"), refusal("not_admitted", /Nobody gets in by oidc here; open: none without/));
});

oidcTest(
  "row 3: only a verified address of the domains lets in",
  { admit: 'domains = ["example.com"]\n' },
  async (net) => {
    net.provider.users.set("ann", { email: "ann@example.com", email_verified: false });
    await assert.rejects(
      net.join("ann"),
      refusal("not_admitted", /does not say that the user's e-mail address is verified/),
    );
    net.provider.users.set("bob", { email: "bob@evil.com", email_verified: true });
    await assert.rejects(net.join("bob"), refusal("not_admitted", /lets nobody in from "evil.com"/));
    net.provider.users.set("carol", { email: "carol@example.com", email_verified: true });
    await net.join("carol");
  },
);

oidcTest(
  "keys that the provider has rotated away go on checking old log-ins, for whoever saw them",
  {},
  async (net) => {
    net.provider.users.set("ann", { email: "ann@example.com", email_verified: true });
    const ann = await net.join("ann");
    const now = () => Math.floor(net.now / 1000);
    const book = new IssuerBook({ fetchJson, now });
    await net.view(ann.id, { book });
    await net.provider.rotate();
    net.skip(61);
    await book.refresh(net.provider.issuer, { missing: true });
    assert.ok((await net.view(ann.id, { book })).nodes.has(ann.id), "seen before the rotation");
    const late = await net.view(ann.id);
    assert.equal(late.nodes.has(ann.id), false, "a machine that was not there has no key to check by");
    const [why] = admissionWarnings({
      selfId: "another",
      nodes: late.nodes,
      refused: late.refused,
      ledger: late.ledger,
    }, { now: 0, key: "" }).slice(1);
    assert.match(why!, /^ann is not configured: .*The signing key/);
    assert.match(late.refused[0]!.why, /The signing key "key-0" of .* is not known here/);
    // An admin's entry gives the key to those who came too late.
    const [first] = book.keysOf(net.provider.issuer).filter(({ jwk }) => jwk.kid === "key-0");
    await net.world.append("issuer", { issuer: net.provider.issuer, jwks: [{ ...first!.jwk }] });
    await late.entry(net.world.ledger.entries.at(-1)!);
    assert.ok(late.nodes.has(ann.id));
    net.provider.users.set("bob", { email: "bob@example.com", email_verified: true });
    const bob = await net.join("bob");
    assert.ok((await net.view(ann.id)).nodes.has(bob.id), "the coordinator and new peers have fetched the new key");
  },
);

oidcTest("row 3: a changed address takes over nothing, nor does the same sub at a second issuer", {}, async (net) => {
  await net.world.append("policy", {
    format: "toml",
    source: net.policy(net.rule(net.second)).replace('to = ["*"]', 'to = ["self"]'),
  });
  net.provider.users.set("ann", { email: "ann@example.com", email_verified: true });
  const ann = await net.join("ann");
  net.provider.users.set("ann", { email: "new@example.com", email_verified: true });
  const mine = await net.join("ann", { name: "ann-2" });
  net.provider.users.set("mallory", { email: "ann@example.com", email_verified: true });
  await net.join("mallory");
  // The same sub at the other issuer, which comes first in this policy.
  net.second.users.set("ann", { email: "ann@example.com", email_verified: true });
  await net.world.append("policy", {
    format: "toml",
    source: net.policy(net.rule(net.provider), net.second).replace('to = ["*"]', 'to = ["self"]'),
  });
  const foreign = await net.join("ann", { name: "ann-3" });
  const view = await net.view(ann.id);
  assert.equal(view.nodes.size, 4);
  assert.deepEqual(view.rights.peers().map((p) => p.id), [mine.id]);
  assert.deepEqual((await net.view(foreign.id)).rights.peers(), []);
});

oidcTest("a log-in ends with the policy's lifetime, and logging in again brings the same machine back", {
  admit: 'lifetime = "2h"\n',
}, async (net) => {
  net.provider.users.set("ann", { email: "ann@example.com", email_verified: true });
  const ann = await net.join("ann");
  const view = await net.view(ann.id);
  const [soon] = admissionWarnings(view, { now: Math.floor(net.now / 1000), key: "" });
  assert.match(soon!, /^the log-in of this machine ends at .*: log in again with ghostlink login$/);
  net.skip(2 * 3600 + 1);
  assert.equal(await view.review(), "nodes");
  assert.equal(view.nodes.has(ann.id), false);
  assert.match(view.refused[0]!.why, /The log-in ended at .*; log in again: ghostlink login/);
  const told = admissionWarnings(view, { now: Math.floor(net.now / 1000), key: "" });
  assert.match(told[0]!, /^this node is not admitted to the network: .*log in again: ghostlink login$/);
  net.skip(-(2 * 3600 + 1)); // the provider has only the one clock
  const { record } = await readNodeRecord((await ann.state.network())!.record);
  const login = async (user: string) =>
    await logInAgain(ann.state, { ...net.options(user), socket: `${ann.state.dir}/none.sock` });
  net.provider.users.set("mallory", { email: "mallory@example.com", email_verified: true });
  await assert.rejects(login("mallory"), refusal("not_admitted", /belongs to ann@http.*, the log-in is mallory@http/));
  assert.equal(await login("ann"), "ann@example.com");
  const again = (await net.view(ann.id)).nodes.get(ann.id)!;
  assert.equal(again.verified.record.seq, record.seq + 1);
  assert.equal(again.verified.record.wg, record.wg);
});

oidcTest("clocks that differ: a little is borne, more is told, at the door and by peers", {}, async (net) => {
  net.provider.users.set("ann", { email: "ann@example.com", email_verified: true });
  net.skip(-299);
  const ann = await net.join("ann");
  net.skip(299);
  assert.ok((await net.view(ann.id)).nodes.has(ann.id));
  net.skip(-400); // coordinator and machine agree, the provider is ahead of both
  await assert.rejects(net.join("ann", { name: "b" }), refusal("clock_skew", /s in the future/));
});

oidcTest(
  "row 5: a log-in for another machine, and one that is stale at the door, are refused by the coordinator",
  {},
  async (net) => {
    net.provider.users.set("ann", { email: "ann@example.com", email_verified: true });
    const ann = await net.join("ann");
    const { proof } = (await readNodeRecord((await ann.state.network())!.record)).record;
    const thief = await (await net.state()).identityOrNew(random);
    const mine = (await readNodeRecord((await ann.state.network())!.record)).record;
    using mesh = new MeshClient({
      server: net.server,
      ca: tls.ca,
      net: net.world.net,
      key: thief.identity,
      now: () => net.now,
      random,
    });
    await assert.rejects(
      mesh.publishNode(await signNodeRecord({ ...mine, proof }, thief.identity)),
      refusal("not_admitted", /made for another machine/),
    );
    const identity = (await ann.state.identity())!.identity;
    using own = new MeshClient({
      server: net.server,
      ca: tls.ca,
      net: net.world.net,
      key: identity,
      now: () => net.now,
      random,
    });
    net.skip(2 * 3600);
    const again = { ...mine, seq: mine.seq + 1, iat: mine.iat + 7200 };
    await own.publishNode(await signNodeRecord(again, identity)); // shown before: renewing a record needs no new log-in
  },
);

oidcTest("a machine joins where a watcher of the policy has told an issuer's keys", {}, async (net) => {
  const watcher = await newSigningKey();
  const source = net.policy(`watchers = ["${watcher.public}"]\n`);
  await net.world.append("policy", { format: "toml", source });
  const entry = await signEntry({
    ledger: net.world.ledger,
    admin: watcher,
    kind: "issuer",
    body: { issuer: net.provider.issuer, jwks: [{ kty: "OKP", crv: "Ed25519", x: watcher.public, kid: "watched" }] },
    iat: net.world.clock.seconds,
  });
  const answer = await net.world.call(net.world.admin, "/v1/ledger", { body: { entries: [entry] } });
  assert.equal(answer.status, 200, await answer.text());
  net.provider.users.set("ann", { email: "ann@example.com", email_verified: true });
  const ann = await net.join("ann");
  assert.equal((await ann.state.ledger.read()).at(-1), entry);
});

for (const browser of [false, true]) {
  const how = browser ? "over loopback" : "over the coordinator";
  oidcTest(`a provider that insists on a secret of its client gets the policy's, ${how}`, {
    browser,
    secret: "every member knows it",
  }, async (net) => {
    net.provider.users.set("ann", { email: "ann@example.com", email_verified: true });
    await assert.rejects(net.join("ann"), refusal("unreachable", /\/token: .*client/));
    const withSecret = (text: string) => ({
      format: "toml" as const,
      source: net.policy(`client_secret = "${text}"\n`),
    });
    await net.world.append("policy", withSecret("another"));
    await assert.rejects(net.join("ann"), refusal("unreachable", /\/token: .*client/));
    await net.world.append("policy", withSecret("every member knows it"));
    const ann = await net.join("ann");
    assert.ok((await net.view(ann.id)).nodes.has(ann.id));
    assert.ok(!net.shown.includes("every"), "the address that people see has no secret");
  });
}

oidcTest(
  "of several client ids the first logs in, and log-ins by each count for as long as it is named",
  {},
  async (net) => {
    const naming = async (ids: string) => {
      const source = net.policy().replace('client_id = "ghostmesh"', `client_id = ${ids}`);
      await net.world.append("policy", { format: "toml", source });
    };
    for (const user of ["ann", "bob"]) {
      net.provider.users.set(user, { email: `${user}@example.com`, email_verified: true });
    }
    const ann = await net.join("ann");
    assert.equal(new URL(net.shown).searchParams.get("client_id"), "ghostmesh");
    await naming('["second", "ghostmesh"]');
    const bob = await net.join("bob");
    assert.equal(new URL(net.shown).searchParams.get("client_id"), "second");
    const ids = async () => [...(await net.view(ann.id)).nodes.keys()].sort();
    assert.deepEqual(await ids(), [ann.id, bob.id].sort());
    await naming('["second"]');
    assert.deepEqual(await ids(), [bob.id]);
    await naming('["ghostmesh"]');
    assert.deepEqual(await ids(), [ann.id]);
  },
);

oidcTest("a join token on a machine that is in by a log-in changes nothing, and is no error", {}, async (net) => {
  net.provider.users.set("ann", { email: "ann@example.com", email_verified: true });
  const ann = await net.join("ann");
  const before = await ann.state.network();
  const { seed: key } = await net.world.grant();
  const auth = encodeToken({ server: net.server, net: net.world.net, head: net.world.ledger.head, key });
  const machine = { hostname: "ann", os: "linux", version: "0" };
  const again = await join(ann.state, { auth, machine, random, now: () => net.now });
  assert.deepEqual([again.id, again.addresses], [ann.id, ann.addresses]);
  assert.deepEqual(await ann.state.network(), before);
});
