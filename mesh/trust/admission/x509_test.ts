import assert from "node:assert/strict";
import { createSign, X509Certificate } from "node:crypto";
import type { MtlsAdmit } from "../../wire/admit.ts";
import { fromBase64Url, toBase64Url } from "../../wire/encoding.ts";
import { GhostError } from "../../wire/errors.ts";
import { ghost } from "../testdata/assert.ts";
import { add, network, nodeRecordOf, NOW, signer } from "../testdata/network.ts";
import { type Issued, LEAF_EXTENSIONS } from "../testdata/openssl.ts";
import { admitted, ledger, net, rule, sub, withOpenSsl } from "../testdata/x509.ts";
import { signNodeRecord, verifyNodeRecord } from "../record.ts";
import { verifyAdmission } from "./mod.ts";
import { certificateName, makeX509Proof } from "./x509.ts";

const DAY = 86_400;

withOpenSsl(
  "verifyAdmission() admits by EC and RSA chains, with and without an intermediate and the root",
  async (ssl) => {
    for (
      const [root, middle, leaf] of [["P-256", "P-384", "RSA"], ["RSA", "P-256", "P-384"], [
        "P-384",
        "RSA",
        "P-256",
      ]] as const
    ) {
      const ca = await ssl.root({ key: root });
      const below = await ca.below({ key: middle });
      const direct = await ca.issue({ key: leaf });
      const deep = await below.issue({ key: leaf, until: NOW + DAY });
      const admit = [rule(ca.cert)];
      const admission = await admitted({ leaf: direct, admit });
      assert.deepEqual(admission, {
        method: "x509",
        tags: ["tag:office"],
        user: null,
        subject: null,
        groups: [],
        prefixes: [],
        ephemeral: false,
        gate: false,
        grant: null,
        since: NOW - DAY,
        expires: NOW + 30 * DAY + 1,
      });
      assert.equal((await admitted({ leaf: deep, chain: [below.cert], admit })).expires, NOW + DAY + 1);
      await admitted({ leaf: deep, chain: [below.cert, ca.cert], admit });
      await admitted({ leaf: deep, chain: [below.cert, ca.cert], admit: [rule(below.cert)] });
      await assert.rejects(admitted({ leaf: deep, admit }), ghost("not_admitted", /no CA that the policy names/));
      await assert.rejects(
        admitted({ leaf: deep, chain: [ca.cert, below.cert], admit }),
        ghost("not_admitted", /chain\[0\]: Not issued by the next certificate/),
      );
    }
  },
);

withOpenSsl(
  "verifyAdmission() refuses a signature for another identity or network, and by another key",
  async (ssl) => {
    const ca = await ssl.root();
    const ann = await ca.issue();
    const bob = await ca.issue({ subject: "/O=Office/CN=bob" });
    const admit = [rule(ca.cert)];
    const proof = await makeX509Proof({ cert: ann.cert, key: ann.key, net, sub });
    const context = { ledger, now: NOW, admit };
    await verifyAdmission(proof, { ...context, key: sub });
    const mallory = (await signer("mallory")).public;
    await assert.rejects(verifyAdmission(proof, { ...context, key: mallory }), ghost("bad_signature"));
    const other = await makeX509Proof({
      cert: ann.cert,
      key: ann.key,
      net: net.replace(/^./, (c) => c === "a" ? "b" : "a"),
      sub,
    });
    await assert.rejects(verifyAdmission(other, { ...context, key: sub }), ghost("bad_signature"));
    const stolen = { ...proof, chain: (await makeX509Proof({ cert: bob.cert, key: bob.key, net, sub })).chain };
    await assert.rejects(verifyAdmission(stolen, { ...context, key: sub }), ghost("bad_signature"));
    await assert.rejects(
      makeX509Proof({ cert: ann.cert, key: bob.key, net, sub }),
      ghost("bad_input", /--key: Cannot sign with this key: the key is not the certificate's/),
    );
  },
);

withOpenSsl(
  "verifyAdmission() looks at the validity of every certificate, when the record was made and now",
  async (ssl) => {
    const ca = await ssl.root({ from: NOW - 100 * DAY, until: NOW + 50 * DAY });
    const below = await ca.below({ until: NOW + 10 * DAY });
    const leaf = await below.issue({ until: NOW + 20 * DAY });
    const o = { leaf, chain: [below.cert], admit: [rule(ca.cert)] };
    await admitted({ ...o, now: NOW + 10 * DAY });
    for (const now of [NOW + 10 * DAY + 1, NOW + 21 * DAY]) {
      await assert.rejects(admitted({ ...o, now, iat: NOW }), ghost("not_admitted", /chain\[1\]: Expired at/));
    }
    await assert.rejects(admitted({ ...o, now: NOW - 2 * DAY }), ghost("not_admitted", /Not valid before/));
    await assert.rejects(admitted({ ...o, iat: NOW - 2 * DAY }), ghost("not_admitted", /Not valid before/));
    const early = await ca.issue({ from: NOW + DAY });
    await assert.rejects(
      admitted({ leaf: early, admit: o.admit }),
      ghost("not_admitted", /chain\[0\]: Not valid before/),
    );
    const old = await ssl.root({ from: NOW - 9 * DAY, until: NOW - DAY });
    await assert.rejects(
      admitted({ leaf: await old.issue(), admit: [rule(old.cert)] }),
      ghost("not_admitted", /chain\[1\]: Expired/),
    );
  },
);

withOpenSsl("verifyAdmission() refuses another CA of the same name", async (ssl) => {
  const ca = await ssl.root();
  const fake = await ssl.root();
  const leaf = await fake.issue();
  assert.equal(await ssl.verifies(leaf.cert, { ca: ca.cert }), false);
  await assert.rejects(
    admitted({ leaf, admit: [rule(ca.cert)] }),
    ghost("not_admitted", /no CA that the policy names/),
  );
  await assert.rejects(
    admitted({ leaf, chain: [fake.cert], admit: [rule(ca.cert)] }),
    ghost("not_admitted", /no CA that the policy names/),
  );
  // An intermediate of the real CA's name, signed by the false one.
  const middle = await fake.below();
  await assert.rejects(
    admitted({ leaf: await middle.issue(), chain: [middle.cert, fake.cert], admit: [rule(ca.cert)] }),
    ghost("not_admitted"),
  );
  // Both pinned: each leaf finds its own.
  await admitted({ leaf, admit: [rule(ca.cert + fake.cert)] });
  await admitted({ leaf: await ca.issue(), admit: [rule(fake.cert + ca.cert)] });
});

withOpenSsl("verifyAdmission() takes the user from the place that the policy names", async (ssl) => {
  const ca = await ssl.root();
  const issue = (subject: string, san?: string) =>
    ca.issue({ subject, extensions: [...LEAF_EXTENSIONS, ...(san ? [`subjectAltName=${san}`] : [])] });
  const all = await issue(
    "/O=Office/CN=Ann Lee",
    "email:Ann@Example.com,DNS:pc1.example.com,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ann@corp.example",
  );
  const userOf = async (leaf: Issued, user: MtlsAdmit["user"]) =>
    (await admitted({ leaf, admit: [rule(ca.cert, { user })] })).user;
  assert.equal(await userOf(all, "san:email"), "ann@example.com");
  assert.equal(await userOf(all, "san:dns"), "pc1.example.com");
  assert.equal(await userOf(all, "san:upn"), "ann@corp.example");
  assert.equal(await userOf(all, "cn"), "Ann Lee");
  assert.equal(await userOf(all, null), null);
  const bare = await issue("/O=Office/CN=x");
  await assert.rejects(
    userOf(bare, "san:email"),
    ghost("not_admitted", /names no user in its subjectAltName \(email\)/),
  );
  const two = await issue("/O=Office/CN=x", "email:a@example.com,email:b@example.com");
  await assert.rejects(userOf(two, "san:email"), ghost("not_admitted", /names 2 users/));
  // What an identity provider alone may say, no certificate can.
  for (
    const subject of ["/O=Office/CN=idp:sre", "/O=Office/CN=7@https:\\/\\/login.example.com", "/O=Office/CN=group:ops"]
  ) {
    await assert.rejects(userOf(await issue(subject), "cn"), ghost("not_admitted", /is no user's name/), subject);
  }
  // An address in the subject is not one in subjectAltName.
  await assert.rejects(
    userOf(await issue("/O=Office/CN=x/emailAddress=a@example.com"), "san:email"),
    ghost("not_admitted"),
  );
  // The first way in that admits counts.
  const admit = [rule(ca.cert, { user: "san:email", tags: ["tag:people"] }), rule(ca.cert, { tags: ["tag:things"] })];
  assert.deepEqual((await admitted({ leaf: all, admit })).tags, ["tag:people"]);
  assert.deepEqual((await admitted({ leaf: bare, admit })).tags, ["tag:things"]);
});

withOpenSsl("verifyAdmission() refuses what a CRL or the ledger revoked, at every level", async (ssl) => {
  const ca = await ssl.root({ key: "RSA" });
  const below = await ca.below();
  const ann = await below.issue();
  const bob = await below.issue({ subject: "/O=Office/CN=bob" });
  const chain = [below.cert];
  const crl = await below.revoke(ann.certFile);
  const admit = [rule(ca.cert, { crl: [crl] })];
  await assert.rejects(
    admitted({ leaf: ann, chain, admit }),
    ghost("revoked", /chain\[0\]: Certificate [0-9a-f]{64}:a1b2c3d4e5f6071 was revoked/),
  );
  await admitted({ leaf: bob, chain, admit });
  const both = [rule(ca.cert, { crl: [crl, await ca.revoke(below.certFile)] })];
  await assert.rejects(admitted({ leaf: bob, chain, admit: both }), ghost("revoked", /chain\[1\]/));
  const name = await certificateName(bob.cert, "bob.pem");
  for (const spelling of [name, name.replace(":", ":000"), name.toUpperCase()]) {
    await assert.rejects(admitted({ leaf: bob, chain, admit: [rule(ca.cert, { crl: [spelling] })] }), ghost("revoked"));
  }
  const own = await network();
  const open = [rule(ca.cert)];
  await admitted({ leaf: bob, chain, admit: open, ledger: own });
  await add(own, "revoke", { what: "certificate", key: name });
  await assert.rejects(admitted({ leaf: bob, chain, admit: open, ledger: own }), ghost("revoked"));
  await admitted({ leaf: ann, chain, admit: open, ledger: own });
  // Files that cannot be read admit nobody.
  for (
    const change of [{ crl: ["-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----"] }, { ca: "" }, {
      ca: "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
    }]
  ) {
    await assert.rejects(
      admitted({ leaf: bob, chain, admit: [rule(ca.cert, change)] }),
      ghost("not_admitted", /CA or CRL cannot be used/),
    );
  }
});

withOpenSsl(
  "verifyAdmission() refuses every mutation of a proof, and never throws anything but GhostError",
  async (ssl) => {
    const ca = await ssl.root();
    const below = await ca.below();
    const leaf = await below.issue();
    const proof = await makeX509Proof({ cert: leaf.cert + below.cert, key: leaf.key, net, sub });
    const context = { key: sub, ledger, now: NOW, admit: [rule(ca.cert)] };
    await verifyAdmission(proof, context);
    const refused = async (change: object, what: string) => {
      try {
        await verifyAdmission({ ...proof, ...change }, context);
      } catch (error) {
        assert.ok(error instanceof GhostError, `${what}: ${error}`);
        return;
      }
      assert.fail(`${what} was taken`);
    };
    for (const [i, text] of proof.chain.entries()) {
      const der = fromBase64Url(text);
      for (let at = 0; at < der.length; at++) {
        const other = der.slice();
        other[at]! ^= 1 << (at % 8);
        await refused({ chain: proof.chain.with(i, toBase64Url(other)) }, `chain[${i}] byte ${at}`);
      }
      await refused({ chain: proof.chain.with(i, toBase64Url(new Uint8Array([...der, 0]))) }, "a byte more");
      await refused({ chain: proof.chain.with(i, toBase64Url(der.slice(0, -1))) }, "a byte less");
    }
    const signature = fromBase64Url(proof.signature);
    for (let at = 0; at < signature.length; at++) {
      const other = signature.slice();
      other[at]! ^= 1;
      await refused({ signature: toBase64Url(other) }, `signature byte ${at}`);
    }
    const short = await ca.issue({ key: "RSA-1024" });
    const text = `GhostMesh admission by certificate, version 1\n${net}\n${sub}\n`;
    await assert.rejects(
      verifyAdmission({
        kind: "x509",
        chain: [toBase64Url(new Uint8Array(new X509Certificate(short.cert).raw))],
        signature: createSign("sha256").update(text).sign(short.key).toString("base64url"),
      }, context),
      ghost("not_admitted", /chain\[0\]: Its key cannot be used: expected an RSA key of 2048 to 8192 bits, found 1024/),
    );
    await refused({ signature: "" }, "no signature");
    await refused({ chain: [] }, "no chain");
    await refused({ chain: ["!"] }, "no base64url");
  },
);

withOpenSsl(
  "verifyNodeRecord() admits a node by its certificate, and drops it when that ends or admission closes",
  async (ssl) => {
    const ca = await ssl.root();
    const leaf = await ca.issue({
      until: NOW + 3600,
      extensions: [...LEAF_EXTENSIONS, "subjectAltName=email:ann@example.com"],
    });
    const { key, record } = await nodeRecordOf(ledger, "alice");
    const proof = await makeX509Proof({ cert: leaf.cert, key: leaf.key, net, sub: key.public });
    const jws = await signNodeRecord({ ...record, proof, tags: ["tag:office"] }, key);
    const admit = [rule(ca.cert, { user: "san:email" })];
    const node = await verifyNodeRecord(jws, { ledger, now: NOW, admit });
    assert.deepEqual([node.user, node.tags, node.admission.expires], ["ann@example.com", ["tag:office"], NOW + 3601]);
    await assert.rejects(verifyNodeRecord(jws, { ledger, now: NOW + 3601, admit }), ghost("not_admitted", /Expired/));
    await assert.rejects(
      verifyNodeRecord(jws, { ledger, now: NOW, admit: [{ method: "static", revokesNodes: false }] }),
      ghost("not_admitted", /admits nobody by certificate/),
    );
    const greedy = await signNodeRecord({ ...record, proof, tags: ["tag:admin"] }, key);
    await assert.rejects(verifyNodeRecord(greedy, { ledger, now: NOW, admit }), ghost("not_admitted"));
    const again = await signNodeRecord({ ...record, proof, iat: NOW - 2 * DAY }, key);
    await assert.rejects(
      verifyNodeRecord(again, { ledger, now: NOW, admit }),
      ghost("not_admitted", /Not valid before/),
    );
  },
);
