/** Joining by a certificate of a CA that openssl made, at a real coordinator that asks for it in TLS. */
import assert from "node:assert/strict";
import { join as joinPath } from "node:path";
import { fileURLToPath } from "node:url";
import { CertificateKeeper } from "../../link/host/login/certificate_keeper.ts";
import { joinByCertificate } from "../../link/host/login/mtls.ts";
import { OwnRecord } from "../../link/host/own_record.ts";
import { NodeState } from "../../link/host/state.ts";
import { MeshClient } from "../../mesh/client/mod.ts";
import { AdmitRules } from "../../mesh/policy/mod.ts";
import { ipv6Of } from "../../mesh/trust/address.ts";
import { makeX509Proof } from "../../mesh/trust/admission/x509.ts";
import { boxKeyFromSeed, nodeIdOf, signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import { readNodeRecord, signNodeRecord, verifyNodeRecord } from "../../mesh/trust/record.ts";
import { ghost } from "../../mesh/trust/testdata/assert.ts";
import type { Issued } from "../../mesh/trust/testdata/openssl.ts";
import { ANN, files, now, POLICY, random, seconds, type World, world } from "./world.ts";

Deno.test("join --auth mtls: a certificate of the policy's CA comes in, and peers see whose machine it is", async () => {
  await world('auth_method = ["static", "mtls"]\n', async (w) => {
    const below = await w.ca.below();
    const leaf = await below.issue({ ...ANN, key: "RSA" });
    await Deno.writeTextFile(leaf.certFile, leaf.cert + below.cert);
    const state = await w.join({ files: files(leaf) });
    const [record] = await w.admin.nodes();
    const admit = new AdmitRules().of(w.ledger.policy);
    const node = await verifyNodeRecord(record!, { ledger: w.ledger, now: seconds(), admit });
    assert.deepEqual([node.name, node.user, node.tags], ["pc", "ann@example.com", ["tag:office"]]);
    // The key stays where it is.
    const secret = leaf.key.split("\n")[2]!;
    for await (const { name } of Deno.readDir(state.dir)) {
      assert.ok(!(await Deno.readTextFile(joinPath(state.dir, name))).includes(secret), name);
    }
    await assert.rejects(
      w.join({ files: files(leaf), server: w.server }, "script"),
      ghost("bad_input", /nothing tells which network is meant/),
    );
    await assert.rejects(
      w.join({ files: files(leaf), server: `${w.server}#${"a".repeat(32)}` }, "foreign"),
      ghost("wrong_network"),
    );
  });
});

Deno.test("join --auth mtls: who has no certificate of the CA, or a revoked one, stays outside", async () => {
  await world('auth_method = "mtls"\n', async (w) => {
    const fake = await w.ssl.root({ subject: "/O=Office/CN=Office CA" });
    const server = ANN.extensions.with(2, "extendedKeyUsage=serverAuth");
    const refusals: [string, () => Promise<{ certFile: string; keyFile: string }>, RegExp][] = [
      ["another CA of the same name", () => fake.issue(ANN), /no CA that the policy names/],
      ["expired", () => w.ca.issue({ ...ANN, until: seconds() - 60 }), /Expired/],
      ["not yet valid", () => w.ca.issue({ ...ANN, from: seconds() + 3600 }), /Not valid before/],
      ["for servers", () => w.ca.issue({ extensions: server }), /client auth/],
      ["without a user", () => w.ca.issue(), /names no user/],
    ];
    for (const [name, leaf, why] of refusals) {
      await assert.rejects(w.join({ files: files(await leaf()) }), ghost("not_admitted", why), name);
    }
    const leaf = await w.ca.issue(ANN);
    const state = await w.join({ files: files(leaf) });
    const crl = await w.ca.revoke(leaf.certFile);
    const { files: before } = w.ledger.policy!;
    await w.append("policy", {
      format: "toml",
      source: POLICY.replace('tags = ["tag', 'crl = ["office.crl"]\ntags = ["tag'),
      files: { ...before, "office.crl": crl },
    });
    await assert.rejects(w.join({ files: files(leaf) }, "again"), ghost("revoked"));
    const admit = new AdmitRules().of(w.ledger.policy);
    const { record } = (await state.network())!;
    await assert.rejects(verifyNodeRecord(record, { ledger: w.ledger, now: seconds(), admit }), ghost("revoked"));
    const info = await w.admin.info();
    assert.deepEqual(info.authMethods, ["mtls"]);
  });
});

/** Publishes a record whose proof is good, over a connection that shows what is told. */
async function publishOver(
  w: World,
  o: { leaf: { certFile: string; keyFile: string }; shown: { cert: string; key: string } | null; header?: string },
): Promise<void> {
  const { leaf, shown } = o;
  const made = new NodeState(await Deno.makeTempDir({ dir: w.dir }));
  const publish = MeshClient.prototype.publishNode;
  // Join as it is, but with what the hostile client would show instead.
  MeshClient.prototype.publishNode = async function (this: MeshClient, record: string) {
    const key = (await made.identity())!.identity;
    const certificate = () => Promise.resolve(shown);
    const other = new MeshClient({ server: w.server, ca: w.pin || null, net: w.net, key, now, random, certificate });
    return await publish.call(other, record);
  };
  try {
    await joinByCertificate(made, {
      server: w.server,
      network: w.net,
      files: files(leaf),
      machine: { hostname: "x", os: "linux", version: "0.1.0" },
      confirm: null,
      random,
      now,
    });
  } finally {
    MeshClient.prototype.publishNode = publish;
  }
}

Deno.test("the coordinator takes a new proof only over a connection that showed its certificate", async () => {
  await world('auth_method = "mtls"\n', async (w) => {
    const leaf = await w.ca.issue(ANN);
    const bob = await w.ca.issue({ ...ANN, subject: "/O=Office/CN=bob" });
    await assert.rejects(publishOver(w, { leaf, shown: null }), ghost("not_admitted", /was not shown in TLS/));
    await assert.rejects(publishOver(w, { leaf, shown: bob }), ghost("not_admitted", /Another certificate was shown/));
    await publishOver(w, { leaf, shown: leaf });
    assert.equal((await w.admin.nodes()).length, 1);
  });
});

Deno.test("row 5: a certificate's proof admits no other machine than the one that its key signed for", async () => {
  await world('auth_method = "mtls"\ntls = "off"\n', async (w) => {
    const leaf = await w.ca.issue(ANN);
    const state = await w.join({ files: files(leaf) });
    const { record: mine } = await readNodeRecord((await state.network())!.record);
    const thief = await signingKeyFromSeed(random(32));
    const id = await nodeIdOf(thief.public);
    const { public: wg } = await boxKeyFromSeed(random(32));
    const { public: seal } = await boxKeyFromSeed(random(32));
    const addresses = { ipv6: await ipv6Of(w.net, id), ipv4: null };
    const other = await w.ca.issue({ ...ANN, subject: "/O=Office/CN=bob" });
    const { signature } = await makeX509Proof({ ...other, net: w.net, sub: thief.public }) as { signature: string };
    using mesh = new MeshClient({ server: w.server, ca: null, net: w.net, key: thief, now, random });
    const admit = new AdmitRules().of(w.ledger.policy);
    // As it stands in the record that everybody sees, and signed by another key that the CA has certified.
    for (const proof of [mine.proof, { ...mine.proof, signature } as typeof mine.proof]) {
      const jws = await signNodeRecord({ ...mine, ...addresses, name: "thief", wg, seal, proof }, thief);
      await assert.rejects(mesh.publishNode(jws), ghost("bad_signature", /did not sign this network and identity/));
      await assert.rejects(verifyNodeRecord(jws, { ledger: w.ledger, now: seconds(), admit }), ghost("bad_signature"));
    }
    assert.equal((await w.admin.nodes()).length, 1);
    // It is the proof alone that was wrong: the thief's own certificate would do.
    const proof = await makeX509Proof({ ...other, net: w.net, sub: thief.public });
    await mesh.publishNode(await signNodeRecord({ ...mine, ...addresses, name: "thief", wg, seal, proof }, thief));
  });
});

/** Publishes through a hop that sets the header, as a client may for itself or a proxy for its clients. */
async function publishWithHeader(w: World, leaf: Issued, told: Issued): Promise<void> {
  using client = Deno.createHttpClient({ caCerts: w.pin ? [w.pin] : [] });
  const hop = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (incoming) => {
    const { pathname, search } = new URL(incoming.url);
    const headers = new Headers(incoming.headers);
    headers.set("client-cert", `:${told.cert.replace(/-----[A-Z ]+-----|\s/g, "")}:`);
    const body = incoming.method === "POST" ? await incoming.bytes() : null;
    const answer = await fetch(`${w.server}${pathname}${search}`, { method: incoming.method, headers, body, client });
    return new Response(await answer.bytes(), answer);
  });
  try {
    await publishOver({ ...w, server: `http://127.0.0.1:${hop.addr.port}`, pin: "" }, { leaf, shown: null });
  } finally {
    await hop.shutdown();
  }
}

Deno.test("row 19: a header with a certificate counts from the configured proxy alone", async () => {
  const header = 'client_certificate_header = "client-cert"\n';
  const clear = `auth_method = "mtls"\ntls = "off"\n${header}`;
  await world(`${clear}trusted_proxy = "127.0.0.1/32"\n`, async (w) => {
    const ann = await w.ca.issue(ANN);
    const bob = await w.ca.issue({ ...ANN, subject: "/O=Office/CN=bob" });
    await assert.rejects(publishOver(w, { leaf: ann, shown: null }), ghost("not_admitted", /was not shown/));
    await assert.rejects(publishWithHeader(w, bob, ann), ghost("not_admitted", /Another certificate was shown/));
    assert.deepEqual(await w.admin.nodes(), []);
    await publishWithHeader(w, ann, ann);
    assert.equal((await w.admin.nodes()).length, 1);
  });
  // The same header where the proxy is another machine: TLS alone says what was shown.
  await world(`auth_method = "mtls"\n${header}trusted_proxy = "192.0.2.1/32"\n`, async (w) => {
    const ann = await w.ca.issue(ANN);
    await assert.rejects(publishWithHeader(w, ann, ann), ghost("not_admitted", /was not shown/));
    assert.deepEqual(await w.admin.nodes(), []);
  });
  // Nor can a forged header keep anybody out.
  await world(`${clear}trusted_proxy = "192.0.2.1/32"\n`, async (w) => {
    const ann = await w.ca.issue(ANN);
    const bob = await w.ca.issue({ ...ANN, subject: "/O=Office/CN=bob" });
    await publishWithHeader(w, ann, bob);
    assert.equal((await w.admin.nodes()).length, 1);
  });
});

Deno.test("a certificate that is renewed in its place renews the proof, and a broken one changes nothing", async () => {
  await world('auth_method = "mtls"\n', async (w) => {
    const leaf = await w.ca.issue(ANN);
    const state = await w.join({ files: files(leaf) });
    const own = new OwnRecord({
      state,
      identity: (await state.identity())!,
      network: (await state.network())!,
      random,
      now,
    });
    const warnings: string[] = [];
    const keeper = (await CertificateKeeper.open(state.dir, {
      own,
      ledger: () => w.ledger,
      warn: (message) => warnings.push(message),
      now,
    }))!;
    const { public: key } = own.identity.identity;
    assert.equal(await keeper.renew(), false);
    const before = own.jws;
    const foreign = await (await w.ssl.root()).issue(ANN);
    for (const broken of [foreign, await w.ca.issue({ ...ANN, until: seconds() - 1 }), { cert: "x", key: "y" }]) {
      await Deno.writeTextFile(leaf.certFile, broken.cert);
      await Deno.writeTextFile(leaf.keyFile, broken.key);
      assert.equal(await keeper.renew(), false);
      assert.equal(await keeper.renew(), false);
    }
    assert.equal(own.jws, before);
    assert.equal(warnings.length, 3);
    const fresh = await w.ca.issue(ANN);
    await Deno.writeTextFile(leaf.certFile, fresh.cert);
    await Deno.writeTextFile(leaf.keyFile, fresh.key);
    assert.equal(await keeper.renew(), true);
    assert.equal(await keeper.renew(), false);
    const client = new MeshClient({
      server: w.server,
      ca: w.pin,
      net: w.net,
      key: own.identity.identity,
      now,
      random,
      certificate: () => keeper.pair(),
    });
    await client.publishNode(own.jws);
    client.close();
    const [record] = await w.admin.nodes();
    assert.equal(record, own.jws);
    const admit = new AdmitRules().of(w.ledger.policy);
    assert.equal((await verifyNodeRecord(record!, { ledger: w.ledger, now: seconds(), admit })).key, key);
  });
});

Deno.test("ghostlink join --auth mtls runs under its permission set, and says what is missing", async () => {
  const script = fileURLToPath(new URL("../../scripts/launch.sh", import.meta.url));
  await world('auth_method = "mtls"\n', async (w) => {
    const leaf = await w.ca.issue(ANN);
    const run = async (...args: string[]) => {
      const command = new Deno.Command("/bin/sh", {
        args: [script, "link", "join", "--auth", "mtls", "--enrol-only", ...args],
        env: { GHOSTMESH_DENO: Deno.execPath(), XDG_RUNTIME_DIR: w.dir, NO_COLOR: "1" },
        stdin: "null",
      });
      const { code, stdout, stderr } = await command.output();
      return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
    };
    const state = `${w.dir}/node`;
    const base = ["--state-dir", state, "--socket", `${w.dir}/run/ghostlink.sock`, "--name", "pc1"];
    const server = ["--server", `${w.server}#${w.net}`];
    const none = await run(...base, ...server, "--cert", leaf.certFile);
    assert.equal(none.code, 1);
    assert.match(none.text, /--key: Missing/);
    const joined = await run(...base, ...server, "--cert", leaf.certFile, "--key", leaf.keyFile);
    assert.match(joined.text, /joined as pc1 \(100\./);
    assert.equal(joined.code, 0);
    assert.deepEqual(JSON.parse(await Deno.readTextFile(`${state}/certificate.json`)), files(leaf));
  });
});
