/** The rules of chains and names, each also asked of openssl, which shares nothing with the code under test. */
import assert from "node:assert/strict";
import type { MtlsAdmit } from "../../../wire/admit.ts";
import { ghost } from "../../testdata/assert.ts";
import { type Authority, CA_EXTENSIONS, LEAF_EXTENSIONS, type Wish } from "../../testdata/openssl.ts";
import { admitted, rule, withOpenSsl } from "../../testdata/x509.ts";

/** Chains root -> intermediate -> leaf with one thing changed; `openssl` is what openssl says of the same chain. */
const CHAINS: {
  name: string;
  root?: Partial<Wish>;
  middle?: Partial<Wish>;
  leaf?: Partial<Wish>;
  refused?: RegExp;
  openssl?: boolean;
}[] = [
  { name: "nothing changed" },
  {
    name: "a leaf for servers only",
    leaf: { extensions: LEAF_EXTENSIONS.with(2, "extendedKeyUsage=serverAuth") },
    refused: /Not made for client authentication/,
  },
  {
    name: "a leaf without extended key usage",
    leaf: { extensions: LEAF_EXTENSIONS.slice(0, 2) },
    refused: /Not made for client authentication/,
    openssl: true,
  },
  {
    name: "a leaf that must not sign",
    leaf: { extensions: LEAF_EXTENSIONS.with(1, "keyUsage=critical,keyEncipherment") },
    refused: /does not allow digitalSignature/,
    openssl: false,
  },
  {
    name: "a leaf that is a CA",
    leaf: { extensions: [...CA_EXTENSIONS, LEAF_EXTENSIONS[2]!] },
    refused: /own certificate/,
  },
  {
    name: "an intermediate that is no CA",
    middle: { extensions: ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"] },
    refused: /without being a CA/,
  },
  {
    name: "an intermediate that must not sign certificates",
    middle: { extensions: [CA_EXTENSIONS[0]!, "keyUsage=critical,digitalSignature,cRLSign"] },
    refused: /keyUsage does not allow/,
  },
  {
    name: "an intermediate for servers only",
    middle: { extensions: [...CA_EXTENSIONS, "extendedKeyUsage=serverAuth"] },
    refused: /no clientAuth/,
  },
  {
    name: "a root that allows none below",
    root: { extensions: ["basicConstraints=critical,CA:TRUE,pathlen:0", CA_EXTENSIONS[1]!] },
    refused: /pathlen/,
  },
  {
    name: "an intermediate whose RSA key is too short",
    middle: { key: "RSA-1024" },
    refused: /2048 to 8192/,
    openssl: true,
  },
  {
    name: "SHA-1",
    root: { key: "RSA" },
    middle: { digest: "sha1" },
    refused: /1\.2\.840\.113549\.1\.1\.5 are not taken/,
    openssl: true,
  },
  { name: "ECDSA with SHA-1", leaf: { digest: "sha1" }, refused: /are not taken/, openssl: true },
  { name: "SHA-512", leaf: { digest: "sha512" } },
  { name: "a CA on P-521", middle: { key: "P-521" }, refused: /P-256 or P-384/, openssl: true },
  {
    name: "an unknown critical extension",
    middle: { extensions: [...CA_EXTENSIONS, "1.2.3.4.5=critical,ASN1:NULL"] },
    refused: /1\.2\.3\.4\.5 is critical/,
  },
  { name: "an unknown extension", leaf: { extensions: [...LEAF_EXTENSIONS, "1.2.3.4.5=ASN1:NULL"] } },
  {
    name: "policies that nobody asked for",
    middle: { extensions: [...CA_EXTENSIONS, "certificatePolicies=critical,1.2.3.4"] },
    leaf: { extensions: [...LEAF_EXTENSIONS, "certificatePolicies=1.2.3.5"] },
  },
  {
    name: "a demand for policies",
    middle: { extensions: [...CA_EXTENSIONS, "policyConstraints=critical,requireExplicitPolicy:0"] },
    refused: /2\.5\.29\.36 is critical/,
    openssl: true, // it looks at policies only when it is told to
  },
];

withOpenSsl("verifyAdmission() keeps RFC 5280's rules of chains, as openssl does or more strictly", async (ssl) => {
  for (const { name, root, middle, leaf, refused, openssl = refused === undefined } of CHAINS) {
    const ca = await ssl.root(root);
    const below = await ca.below(middle);
    // openssl does not like to issue by what is no CA, or to make CAs of leaves; it does it all the same.
    const issued = await below.issue(leaf);
    const trial = admitted({ leaf: issued, chain: [below.cert], admit: [rule(ca.cert)] });
    if (refused) await assert.rejects(trial, ghost("not_admitted", refused), name);
    else await trial;
    assert.equal(await ssl.verifies(issued.cert, { ca: ca.cert, untrusted: below.cert }), openssl, `openssl: ${name}`);
  }
});

withOpenSsl(
  "verifyAdmission() keeps pathlen over several levels, and does not count what issued itself",
  async (ssl) => {
    const ca = await ssl.root({ extensions: ["basicConstraints=critical,CA:TRUE,pathlen:1", CA_EXTENSIONS[1]!] });
    const one = await ca.below();
    const two = await one.below({ subject: "/O=Office/CN=two" });
    const admit = [rule(ca.cert)];
    await admitted({ leaf: await one.issue(), chain: [one.cert], admit });
    const deep = await two.issue();
    await assert.rejects(
      admitted({ leaf: deep, chain: [two.cert, one.cert], admit }),
      ghost("not_admitted", /pathlen/),
    );
    assert.equal(await ssl.verifies(deep.cert, { ca: ca.cert, untrusted: two.cert + one.cert }), false);
    // The same name issues itself a new key: a roll-over.
    const rolled = await one.below();
    await admitted({ leaf: await rolled.issue(), chain: [rolled.cert, one.cert], admit });
  },
);

/** A constraint of the intermediate, a leaf's names, and whether they may be. openssl is asked too, unless it is known to differ. */
const NAMES: {
  constraint: string;
  san?: string;
  subject?: string;
  holds: boolean;
  differs?: true;
  user?: MtlsAdmit["user"];
}[] = [
  { constraint: "permitted;DNS:example.com", san: "DNS:a.example.com", holds: true },
  { constraint: "permitted;DNS:example.com", san: "DNS:example.com", holds: true },
  { constraint: "permitted;DNS:example.com", san: "DNS:A.EXAMPLE.com", holds: true },
  { constraint: "permitted;DNS:example.com", san: "DNS:badexample.com", holds: false },
  { constraint: "permitted;DNS:example.com", san: "DNS:a.example.com,DNS:evil.test", holds: false },
  { constraint: "permitted;DNS:example.com", san: "email:ann@other.test", holds: true },
  { constraint: "excluded;DNS:example.com", san: "DNS:a.example.com", holds: false },
  { constraint: "excluded;DNS:example.com", san: "DNS:example.org", holds: true },
  { constraint: "excluded;DNS:a.example.com", san: "DNS:*.example.com", holds: false, differs: true },
  { constraint: "permitted;email:example.com", san: "email:ann@example.com", holds: true },
  { constraint: "permitted;email:example.com", san: "email:ann@a.example.com", holds: false },
  { constraint: "permitted;email:.example.com", san: "email:ann@a.example.com", holds: true },
  { constraint: "permitted;email:.example.com", san: "email:ann@example.com", holds: false },
  { constraint: "permitted;email:ann@example.com", san: "email:ann@example.com", holds: true },
  { constraint: "permitted;email:ann@example.com", san: "email:bob@example.com", holds: false },
  { constraint: "excluded;email:example.com", san: "email:ann@EXAMPLE.com", holds: false },
  { constraint: "permitted;email:example.com", subject: "/O=Office/CN=ann/emailAddress=ann@evil.test", holds: false },
  { constraint: "permitted;IP:192.0.2.0/255.255.255.0", san: "IP:192.0.2.7", holds: true },
  { constraint: "permitted;IP:192.0.2.0/255.255.255.0", san: "IP:192.0.3.7", holds: false },
  { constraint: "permitted;IP:192.0.2.0/255.255.255.0", san: "IP:2001:db8::1", holds: false },
  { constraint: "excluded;IP:2001:db8:0:0:0:0:0:0/ffff:ffff:0:0:0:0:0:0", san: "IP:2001:db8::1", holds: false },
  { constraint: "permitted;URI:.example.com", san: "URI:https://a.example.com/x", holds: true },
  { constraint: "permitted;URI:.example.com", san: "URI:https://a.evil.test/.example.com", holds: false },
  { constraint: "permitted;dirName:d", subject: "/O=Office/CN=ann", holds: true },
  { constraint: "permitted;dirName:d", subject: "/O=OFFICE/CN=ann", holds: true },
  { constraint: "permitted;dirName:d", subject: "/O=Elsewhere/CN=ann", holds: false },
  { constraint: "excluded;dirName:d", subject: "/O=office/CN=ann", holds: false },
  // A user principal name is bound by what e-mail addresses are bound by, a common name by what it looks like.
  {
    constraint: "permitted;email:example.com",
    san: "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ann@evil.test",
    holds: false,
    differs: true,
  },
  {
    constraint: "permitted;email:example.com",
    san: "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ann@example.com",
    holds: true,
  },
  {
    constraint: "permitted;email:example.com",
    subject: "/O=Office/CN=ann@evil.test",
    holds: false,
    differs: true,
    user: "cn",
  },
  { constraint: "permitted;DNS:example.com", subject: "/O=Office/CN=pc.evil.test", holds: false, user: "cn" },
  // Registered ids cannot be compared: as soon as they are constrained and there, nobody can tell.
  { constraint: "excluded;RID:1.2.3", san: "RID:1.2.4", holds: false },
  { constraint: "permitted;RID:1.2.3", san: "DNS:a.example.com", holds: true },
];

withOpenSsl("verifyAdmission() keeps name constraints of every form, as openssl does or more strictly", async (ssl) => {
  const ca = await ssl.root();
  const made = new Map<string, Authority>();
  for (const { constraint, san, subject = "/O=Office/CN=ann", holds, differs, user = null } of NAMES) {
    const name = `${constraint} ${san ?? ""} ${subject}`;
    let below = made.get(constraint);
    if (!below) {
      const extensions = [...CA_EXTENSIONS, `nameConstraints=critical,${constraint}`, "[d]", "O=Office"];
      made.set(constraint, below = await ca.below({ extensions }));
    }
    const leaf = await below.issue({
      subject,
      extensions: [...LEAF_EXTENSIONS, ...(san ? [`subjectAltName=${san}`] : [])],
    });
    const trial = admitted({ leaf, chain: [below.cert], admit: [rule(ca.cert, { user })] });
    if (holds) await trial.catch((error) => assert.fail(`${name}: ${error}`));
    else await assert.rejects(trial, ghost("not_admitted", /name constraints/), name);
    if (!differs) {
      assert.equal(await ssl.verifies(leaf.cert, { ca: ca.cert, untrusted: below.cert }), holds, `openssl: ${name}`);
    }
  }
});
