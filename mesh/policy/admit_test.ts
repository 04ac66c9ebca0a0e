import assert from "node:assert/strict";
import { namedFiles } from "./admit.ts";
import { AdmitRules, issuerSigners, type SignedPolicy } from "./ask.ts";
import { compile, sees } from "./compile.ts";
import { checkPolicy, parsePolicy } from "./parse.ts";
import { failedTests } from "./tests_run.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
const CRL = "-----BEGIN X509 CRL-----\nMA==\n-----END X509 CRL-----\n";
const KEY = "A".repeat(43);

function lines(source: string, files: Record<string, string> = {}): string[] {
  return checkPolicy(source, { files }).faults.map((f) => `${f.line}:${f.column} ${f.message}; ${f.mend}`);
}

Deno.test("parsePolicy() reads the three ways in", () => {
  const source = `[tags]
laptop = []
[[admit]]
method = "static"
revokes_nodes = true
[[admit]]
method = "oidc"
issuer = "https://login.example.com/realm"
client_id = ["ghostmesh", "other"]
client_secret = "no secret"
domains = ["example.com"]
claims = { hd = "example.com", team = ["a", "b"] }
groups_claim = "roles"
tags = ["tag:laptop"]
lifetime = "12h"
watchers = ["${KEY}"]
[[admit]]
method = "mtls"
ca = "office-ca.pem"
user = "san:email"
crl = ["office.crl", "${"0a".repeat(32)}:1f"]
`;
  assert.deepEqual(namedFiles(source), ["office-ca.pem", "office.crl"]);
  assert.deepEqual(parsePolicy(source, { files: { "office-ca.pem": PEM, "office.crl": CRL } }).admit, [
    { method: "static", revokesNodes: true },
    {
      method: "oidc",
      issuer: "https://login.example.com/realm",
      clientIds: ["ghostmesh", "other"],
      clientSecret: "no secret",
      domains: ["example.com"],
      claims: { hd: ["example.com"], team: ["a", "b"] },
      groupsClaim: "roles",
      tags: ["tag:laptop"],
      lifetime: 43_200,
      watchers: [KEY],
    },
    { method: "mtls", ca: PEM, user: "san:email", tags: [], crl: [CRL, `${"0a".repeat(32)}:1f`] },
  ]);
  const [short] = parsePolicy('[[admit]]\nmethod = "oidc"\nissuer = "http://127.0.0.1:9/"\nclient_id = "x"\n').admit;
  assert.deepEqual(short, {
    method: "oidc",
    issuer: "http://127.0.0.1:9/",
    clientIds: ["x"],
    clientSecret: null,
    domains: [],
    claims: {},
    groupsClaim: "groups",
    tags: [],
    lifetime: 30 * 86_400,
    watchers: [],
  });
});

Deno.test("checkPolicy() tells what a way in lacks, and where", () => {
  const oidc = '[[admit]]\nmethod = "oidc"\nissuer = "https://x.example"\nclient_id = "g"\n';
  assert.deepEqual(lines('[[admit]]\nmethod = "oidc"\nissuer = "http://x.example"\nclient_id = []\n'), [
    '3:10 Bad issuer "http://x.example"; write its https URL, exactly as its tokens say it in iss',
    '4:13 "client_id" is empty, so nobody could log in; write client_id = "ghostmesh"',
  ]);
  assert.deepEqual(lines(`${oidc}isuer = "x"\ndomains = ["@example.com"]\nlifetime = "1y"\nclaims = "x"\n`), [
    '5:1 Unknown key "isuer" in [[admit]]; did you mean "issuer"?',
    '6:12 "@example.com" is no domain; write "example.com"',
    '7:12 Bad lifetime "1y"; write "12h" or "30d", at most "400d"',
    '8:10 "claims" must be a table, not "x"; write claims = { hd = ["example.com"] }',
  ]);
  assert.deepEqual(lines(`${oidc}claims = { hd = [] }\ntags = ["tag:x"]\nlifetime = "500d"\nwatchers = ["k"]\n`), [
    '5:17 "hd" is empty, so nobody would be let in; name the values that are let in',
    '6:9 Undefined tag "tag:x"; define it: [tags] x = []',
    '7:12 Bad lifetime "500d"; write "12h" or "30d", at most "400d"',
    '8:13 "k" is no public key; write the 43 characters that ghostctl shows',
  ]);
  assert.deepEqual(lines('[[admit]]\nmethod = "static"\nrevokes_nodes = "yes"\n'), [
    '3:17 "revokes_nodes" must be true or false, not "yes"; write revokes_nodes = true',
  ]);
});

Deno.test("checkPolicy() takes files only from beside the policy, and no private keys", () => {
  const mtls = (ca: string) => `[[admit]]\nmethod = "mtls"\nca = "${ca}"\n`;
  const folder = "name a file that lies beside the policy, without a folder";
  for (const name of ["../ca.pem", "/etc/shadow", ".ca.pem", "a/b.pem", ""]) {
    assert.deepEqual(namedFiles(mtls(name)), []);
    assert.deepEqual(lines(mtls(name), { [name]: PEM }), [`3:6 Bad file name "${name}"; ${folder}`]);
  }
  const there = "put it beside the policy and sign that with: ghostctl policy push FILE";
  for (const name of ["ca.pem", "constructor"]) {
    assert.deepEqual(lines(mtls(name)), [`3:6 The file "${name}" is not there; ${there}`]);
  }
  assert.deepEqual(lines(mtls("ca.pem"), { "ca.pem": "-----BEGIN EC PRIVATE KEY-----" }), [
    '3:6 "ca.pem" holds a private key, and all members would read it; take the key out',
  ]);
  assert.deepEqual(lines(mtls("ca.pem"), { "ca.pem": "MA==" }), [
    '3:6 "ca.pem" holds no CERTIFICATE in PEM; convert it: -----BEGIN CERTIFICATE----- ...',
  ]);
  assert.deepEqual(lines('[[admit]]\nmethod = "mtls"\nuser = "san:mail"\n'), [
    '1:1 [[admit]] has no "ca"; add ca = "office-ca.pem"',
    '3:8 "san:mail" is no part of a certificate that names a user; did you mean "san:email"?',
  ]);
});

Deno.test("AdmitRules keeps the rules before when a policy cannot be read", () => {
  const rules = new AdmitRules();
  assert.deepEqual(rules.of(null), [{ method: "static", revokesNodes: false }]);
  assert.deepEqual(rules.of({ format: "toml", source: "admit = [" }), []);
  const good: SignedPolicy = { format: "toml", source: "" };
  assert.deepEqual(rules.of(good).map((r) => r.method), ["static"]);
  const bad: SignedPolicy = { format: "toml", source: "admit = [", before: good };
  const falls: SignedPolicy = {
    format: "toml",
    source: 'admit = []\n[[test]]\nfrom = "a@b.c"\naccept = ["*"]\n',
    before: bad,
  };
  for (const  of of[rules, new AdmitRules()]) { // one that has seen them all, and one that starts now
    assert.deepEqual(of.of(bad).map((r) => r.method), ["static"]);
    assert.deepEqual(of.of(falls).map((r) => r.method), ["static"]);
  }
  assert.deepEqual(rules.of({ format: "toml", source: "admit = []", before: falls }), []);
  assert.deepEqual(issuerSigners(bad, "https://login.example.com"), []);
});

const node = (id: string, n: number, o: { user?: string; subject?: string; groups?: string[] }) => ({
  id,
  name: id,
  tags: [],
  user: o.user ?? null,
  subject: o.subject ?? null,
  groups: o.groups ?? [],
  ipv4: `100.64.0.${n}`,
  ipv6: `fd00::${n}`,
});

Deno.test("compile() selects by identity provider's group, by e-mail and by iss and sub", () => {
  const policy = parsePolicy(`[groups]
ops = ["idp:sre", "bob@example.com"]
[[allow]]
from = ["group:ops", "7@https://login.example.com"]
to = ["idp:servers"]
`);
  const compiled = compile(policy, {
    nodes: [
      node("server", 1, { groups: ["servers"] }),
      node("ann", 2, { subject: "1@https://login.example.com", groups: ["sre"] }),
      node("bob", 3, { user: "bob@example.com", subject: "2@https://login.example.com" }),
      node("sub", 4, { subject: "7@https://login.example.com" }),
      node("other", 5, { subject: "7@https://other.example.com", groups: ["ops"] }),
      node("liar", 6, { user: "idp:sre" }),
    ],
    routes: [],
  });
  const seen = ["ann", "bob", "sub", "other", "liar"].filter((id) => sees(compiled, id, "server"));
  assert.deepEqual(seen, ["ann", "bob", "sub"]);
});

Deno.test("compile() takes machines for one's own by iss and sub, whatever the e-mail says", () => {
  const policy = parsePolicy('[[allow]]\nfrom = ["*"]\nto = ["self"]\n');
  const [user, subject] = ["ann@example.com", "1@https://a.example"];
  const compiled = compile(policy, {
    nodes: [
      node("a", 1, { user, subject }),
      node("b", 2, { user: "new@example.com", subject }),
      node("thief", 3, { user, subject: "2@https://a.example" }),
      node("second", 4, { user, subject: "1@https://b.example" }),
      node("token", 5, { user }),
      node("token2", 6, { user }),
    ],
    routes: [],
  });
  const pairs = ["b", "thief", "second", "token"].filter((id) => sees(compiled, "a", id));
  assert.deepEqual(pairs, ["b"]);
  assert.equal(sees(compiled, "token", "token2"), true);
});

Deno.test("failedTests() asks for groups of an identity provider", () => {
  const rules = '[[allow]]\nfrom = ["idp:sre"]\nto = ["self"]\n';
  const test = (text: string) => failedTests(parsePolicy(`${rules}[[test]]\n${text}`)).length;
  assert.equal(test('from = "idp:sre"\naccept = ["self tcp/22"]\n'), 0);
  assert.equal(test('from = "idp:other"\naccept = ["self tcp/22"]\n'), 1);
});
