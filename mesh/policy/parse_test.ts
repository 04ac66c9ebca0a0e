import assert from "node:assert/strict";
import { GhostError } from "../wire/errors.ts";
import { usesPrefix } from "./ask.ts";
import { checkPolicy, parsePolicy } from "./parse.ts";
import { STARTER_POLICY } from "./starter.ts";
import { runPolicyTests } from "./tests_run.ts";

function lines(source: string): string[] {
  return checkPolicy(source).faults.map((f) => `${f.line}:${f.column} ${f.message}${f.mend ? `; ${f.mend}` : ""}`);
}

const rule = (body: string) => `[[allow]]\n${body}\n`;
const TO = 'to = ["*"]\n';
const FROM = 'from = ["*"]\n';

/** Source and all its faults, each with its exact place. */
const FAULTS: [string, string[]][] = [
  // TOML itself
  ["a = [1, 2\nb = 3", ['2:1 Unexpected character: "b = 3"; correct the TOML']],
  ['[groups]\nops = ["a]\n', ["2:11 Unterminated string constant; correct the TOML"]],
  ["[groups]\nops = []\n[groups]\n", ['3:2 Defining a key multiple times is invalid: "groups]"; correct the TOML']],
  [`x = ${"[".repeat(20_000)}${"]".repeat(20_000)}`, ["1:1 Nested too deeply"]],
  // keys
  ["[group]\n", ['1:2 Unknown key "group" in the policy; did you mean "groups"?']],
  ["zebra = 1\n", [
    '1:1 Unknown key "zebra" in the policy; known: network, groups, tags, hosts, posture, allow, firewall, routes, dns, admit, expiry, test',
  ]],
  [rule(`form = ["*"]\n${TO}`), [
    '1:1 [[allow]] has no "from"; add from = ["*"]',
    '2:1 Unknown key "form" in [[allow]]; did you mean "from"?',
  ]],
  ["__proto__ = 1\n", [
    '1:1 Unknown key "__proto__" in the policy; known: network, groups, tags, hosts, posture, allow, firewall, routes, dns, admit, expiry, test',
  ]],
  // shapes
  ["allow = 1\n", ['1:1 "allow" must be a list of tables, not 1; write [[allow]] for each one']],
  ["[allow]\n", ['1:2 "allow" must be a list of tables, not a table; write [[allow]] for each one']],
  ["hosts = []\n", ['1:1 "hosts" must be a table, not a list; write [hosts] and its entries below']],
  [rule(`from = "*"\n${TO}`), ['2:8 "from" must be a list of strings, not "*"; write from = ["*"]']],
  [rule(`${FROM}to = ["*", 7]`), ['3:12 "to" must hold strings, not 7; write it in quotes']],
  [rule(`from = []\n${TO}`), ['2:8 "from" is empty, so the rule matches nothing; write from = ["*"]']],
  [rule(`${FROM}${TO}ports = []`), [
    '4:9 "ports" is empty, so the rule matches nothing; leave it out for all protocols',
  ]],
  // names
  [rule(`from = ["group:opps"]\n${TO}`) + '[groups]\nops = ["a@b.c"]\n', [
    '2:9 Undefined group "group:opps"; did you mean "group:ops"?',
  ]],
  [rule(`from = ["tag:wbe"]\n${TO}`) + "[tags]\nweb = []\n", ['2:9 Undefined tag "tag:wbe"; did you mean "tag:web"?']],
  [rule(`from = ["tag:db"]\n${TO}`), ['2:9 Undefined tag "tag:db"; define it: [tags] db = []']],
  [rule(`from = ["offcie"]\n${TO}`) + '[hosts]\noffice = "10.1.1.0/24"\n', [
    '2:9 "offcie" is not in [hosts], and a machine\'s name is its own claim, so it cannot be let in by it; did you mean "office"?',
  ]],
  [rule(`from = ["nas"]\n${TO}`), [
    '2:9 "nas" is not in [hosts], and a machine\'s name is its own claim, so it cannot be let in by it; give the machine a tag and name that',
  ]],
  [rule(`from = ["self"]\n${TO}`), [
    '2:9 "self" can only stand in "to"; in "from" name whose machines: "*", a user, a group or a tag',
  ]],
  [rule(`from = ["Tag:Web"]\n${TO}`) + "[tags]\nweb = []\n", [
    '2:9 Cannot understand "Tag:Web"; did you mean "tag:web"?',
  ]],
  ['[groups]\n"a b" = []\n', ['2:1 Bad name "a b"; use a-z, 0-9 and -, at most 63 characters']],
  ['[tags]\n"tag:web" = []\n', ['2:1 Bad name "tag:web"; write web here, and "tag:web" in rules']],
  ['[hosts]\nself = "10.0.0.1"\n', ['2:1 "self" has a meaning of its own; choose another name']],
  ['[groups]\nops = ["ann", "idp:sre"]\ndev = ["ops"]\n', [
    '2:8 "ann" is no user; write "ann@example.com" or "group:ops"',
    '3:8 "ops" is no user; did you mean "group:ops"?',
  ]],
  ['[tags]\nweb = ["group:ops"]\n', ['2:8 Undefined group "group:ops"; define it: [groups] ops = []']],
  ['[groups]\na = ["group:b"]\nb = ["x@y.z", "group:a"]\n', [
    '3:15 Groups in a circle: group:a -> group:b -> group:a; take "group:a" out',
  ]],
  ['[groups]\na = ["group:a"]\n', ['2:6 Groups in a circle: group:a -> group:a; take "group:a" out']],
  // prefixes
  ['[hosts]\noffice = "10.1.1.7/24"\n', [
    '2:10 Bad prefix "10.1.1.7/24": bits are set beyond its length; write "10.1.1.0/24"',
  ]],
  ['[hosts]\noffice = "10.1.1.0/33"\n', [
    '2:10 Bad prefix "10.1.1.0/33": a prefix length of IPv4 is 0 to 32; write "10.1.1.0/24", "fd12::/64" or one address',
  ]],
  [rule(`${FROM}to = ["010.1.1.0/24"]`), [
    '3:7 Bad prefix "010.1.1.0/24": no address or prefix; write "10.1.1.0/24", "fd12::/64" or one address',
  ]],
  [rule(`${FROM}to = ["::ffff:10.0.0.1", "::ffff:0a00:1"]`), [
    '3:7 Bad prefix "::ffff:10.0.0.1": no address or prefix; write "10.1.1.0/24", "fd12::/64" or one address',
    '3:26 Bad prefix "::ffff:0a00:1": no address or prefix; write "10.1.1.0/24", "fd12::/64" or one address',
  ]],
  [rule(`${FROM}to = ["0.0.0.0/0"]`), [
    '3:7 "0.0.0.0/0" cannot be named as a prefix; write "internet" for what is reached through an exit node, or "*" for all machines of the network',
  ]],
  ["[hosts]\noffice = 10\n" + rule(`${FROM}to = ["office"]`), [
    '2:10 "office" must be a string, not 10; write it in quotes',
  ]],
  // ports
  ...([
    ["443", '"443": the protocol is missing; write "tcp/443" or "udp/443"'],
    ["tpc/443", '"tpc/443": unknown protocol "tpc"; did you mean "tcp"?'],
    ["gre", '"gre": unknown protocol "gre"; known: tcp, udp, icmp'],
    ["icmp/8", '"icmp/8": icmp has no ports; write "icmp"'],
    ["tcp/http", '"tcp/http": no port or range of ports; write "tcp/443", "tcp/8000-8999" or "tcp" for all'],
    ["tcp/1-2/3", '"tcp/1-2/3": no port or range of ports; write "tcp/443", "tcp/8000-8999" or "tcp" for all'],
    ["udp/90-80", '"udp/90-80": the range is upside down; write "udp/80-90"'],
    ["tcp/65536", '"tcp/65536": ports are 1 to 65535; write "tcp" for all ports'],
    ["tcp/0", '"tcp/0": ports are 1 to 65535; write "tcp" for all ports'],
  ] as const).map(([port, message]): [string, string[]] => [
    rule(`${FROM}${TO}ports = ["icmp", "${port}"]`),
    [`4:18 ${message}`],
  ]),
  // via and posture
  [rule(`${FROM}${TO}via = ["gw"]`), [
    '3:6 With "via", "to" holds hosts, prefixes and "internet" only, not "*"; name the networks behind it in a rule of their own',
  ]],
  [rule(`${FROM}to = ["10.0.0.0/8"]\nvia = ["10.1.1.1", "tag:rt", "self"]`), [
    '4:8 "10.1.1.1" cannot stand in "via"; name the machine that carries it: a tag, a user or its name',
    '4:20 Undefined tag "tag:rt"; define it: [tags] rt = []',
    '4:30 "self" can only stand in "to"; in "from" name whose machines: "*", a user, a group or a tag',
  ]],
  [rule(`${FROM}to = ["10.0.0.0/8"]\nvia = []`), [
    '4:7 "via" is empty, so the rule matches nothing; write via = ["tag:router"]',
  ]],
  ['[posture.ok]\nos = []\n[posture.old]\nmin_version = "new"\nmin = 1\n' + rule(`${FROM}${TO}posture = ["od"]`), [
    '1:10 [posture.ok] asks for nothing; add os = ["linux"] or min_version = "0.2.0"',
    '4:15 Bad version "new"; write "0.2.0"',
    '5:1 Unknown key "min" in [posture.old]; known: os, min_version',
    '9:12 Undefined posture "od"; did you mean "ok"?',
  ]],
  ['[[admit]]\nmethod = "oidc"\nissuer = "https://x"\n', [
    '1:1 [[admit]] has no "client_id"; add client_id = "ghostmesh"',
  ]],
  ['[[admit]]\nmethod = "statik"\n[[admit]]\n', [
    '2:10 Unknown admission method "statik"; did you mean "static"?',
    '3:1 [[admit]] has no "method"; add method = "static"',
  ]],
  ['[[admit]]\nmethod = "static"\ntags = []\n', ['3:1 Unknown key "tags" in [[admit]]; known: method, revokes_nodes']],
  // tests
  ['[[test]]\naccept = ["tag:web tcp/x"]\n', [
    '1:1 [[test]] has no "from"; add from = "ann@example.com"',
    '2:11 Undefined tag "tag:web"; define it: [tags] web = []',
    '2:11 "tcp/x": no port or range of ports; write "tcp/443", "tcp/8000-8999" or "tcp" for all',
  ]],
  ['[[test]]\nfrom = "*"\n', [
    '1:1 [[test]] has neither "accept" nor "deny"; add accept = ["tag:web tcp/443"]',
    '2:8 "*" cannot stand in a test; name one user, tag, host or machine',
  ]],
];

Deno.test("checkPolicy() finds each fault at its place, with the offending text and the mend", () => {
  for (const [source, expected] of FAULTS) assert.deepEqual(lines(source), expected, source.slice(0, 200));
});

Deno.test("parsePolicy() throws the first fault in one line", () => {
  try {
    parsePolicy(rule(`form = ["*"]\n${TO}`).replace("[[allow]]", "\n[[allow]]"), { file: "my.toml" });
    assert.fail("must throw");
  } catch (error) {
    assert(error instanceof GhostError);
    assert.equal(error.code, "bad_policy");
    assert.equal(error.line, 'my.toml:2:1: [[allow]] has no "from"; add from = ["*"]');
  }
});

Deno.test("parsePolicy() refuses a source beyond what the ledger carries", () => {
  assert.throws(() => parsePolicy("#".repeat(900_001)), { code: "bad_policy", place: "acls.toml:1:1" });
});

Deno.test("parsePolicy() survives groups nested deeper than any stack", () => {
  const chain = Array.from({ length: 5000 }, (_, i) => `g${i} = ["group:g${i + 1}"]`).join("\n");
  assert.match(lines(`[groups]\n${chain}\ng5000 = []\n`)[0]!, /^66:8 Groups nested more than 64 deep/);
});

Deno.test("parsePolicy() reads tables, dotted keys and inline tables alike", () => {
  const shape = (source: string) => {
    const { groups, hosts, rules } = parsePolicy(source);
    return { groups: [...groups], hosts: [...hosts.keys()], rules: rules.map((r) => [r.from, r.to, r.ports]) };
  };
  const plain = shape(
    '[groups]\nops = ["a@b.c"]\n[hosts]\nlan = "10.0.0.0/8"\n[[allow]]\nfrom = ["group:ops"]\nto = ["lan"]\n',
  );
  assert.deepEqual(
    shape('groups.ops = ["a@b.c"]\nhosts = { lan = "10.0.0.0/8" }\nallow = [{ from = ["group:ops"], to = ["lan"] }]\n'),
    plain,
  );
});

Deno.test("parsePolicy() expands groups and joins ports", () => {
  const policy = parsePolicy(
    '[groups]\nall = ["group:a", "group:b", "x@y.z"]\na = ["b@b.b", "a@a.a"]\nb = ["group:a"]\n[tags]\nweb = ["group:b", "o@o.o"]\n' +
      rule('from = ["group:all"]\nto = ["tag:web"]\nports = ["tcp/80", "icmp", "tcp/81-90", "udp", "tcp/85"]'),
  );
  assert.deepEqual(policy.groups.get("all"), ["a@a.a", "b@b.b", "x@y.z"]);
  assert.deepEqual(policy.tags.get("tag:web"), ["a@a.a", "b@b.b", "o@o.o"]);
  assert.deepEqual(policy.rules[0]!.ports, { tcp: [[80, 90]], udp: [[0, 65535]], icmp: true });
});

Deno.test("checkPolicy() warns when a machine's name looks like a mistyped host", () => {
  const { policy, warnings } = checkPolicy(
    '[hosts]\noffice = "10.1.1.0/24"\n' + rule(`${FROM}to = ["offices", "nas"]`),
  );
  assert.deepEqual(warnings, [
    { line: 5, column: 7, message: '"offices" is taken for a machine\'s name', mend: 'did you mean "office"?' },
  ]);
  assert.deepEqual(policy!.rules[0]!.to.map((s) => s.kind), ["machine", "machine"]);
});

Deno.test("STARTER_POLICY parses, passes its tests, and so does every line it shows as an example", () => {
  assert.equal(parsePolicy(STARTER_POLICY).rules.length, 1);
  const shown = /^# (\[|"?[a-z0-9.:/]+"? = )/;
  const examples = STARTER_POLICY.split("\n").map((line) => shown.test(line) ? line.slice(2) : line).join(
    "\n",
  );
  const policy = parsePolicy(examples.replace('[[allow]]\nfrom = ["*"]\nto = ["*"]\n', ""));
  runPolicyTests(policy);
  assert.equal(policy.rules.length, 1);
  const expiry = { seconds: 180 * 86_400, tags: { "tag:server": null } };
  assert.deepEqual(policy.admit, [{ method: "static", revokesNodes: false, expiry }]);
});

Deno.test("parsePolicy() lets tokens in unless the policy names other ways only", () => {
  const methods = (text: string) => parsePolicy(text).admit.map((rule) => rule.method);
  assert.deepEqual(methods(""), ["static"]);
  assert.deepEqual(methods('[[admit]]\nmethod = "static"\n'), ["static"]);
  assert.deepEqual(methods("admit = []\n"), []);
});

Deno.test("usesPrefix() says whether any rule touches a prefix", () => {
  const policy = parsePolicy('[hosts]\nlan = "10.1.0.0/16"\n' + rule('from = ["*", "fd12::/64"]\nto = ["lan"]'));
  for (const prefix of ["10.1.1.0/24", "10.0.0.0/8", "fd12::/96"]) {
    assert.equal(usesPrefix(policy, prefix), true, prefix);
  }
  for (const prefix of ["10.2.0.0/16", "fd13::/64", "10.1.1.1/8", "lan"]) {
    assert.equal(usesPrefix(policy, prefix), false, prefix);
  }
  assert.equal(usesPrefix(parsePolicy(STARTER_POLICY), "10.1.1.0/24"), false);
});

function warnings(source: string): string[] {
  return checkPolicy(source).warnings.map((f) => `${f.line}:${f.column} ${f.message}; ${f.mend}`);
}

Deno.test("checkPolicy() warns of hosts that lie in each other and of rules that do nothing", () => {
  assert.deepEqual(warnings('[hosts]\nlan = "10.0.0.0/8"\nb = "10.1.0.0/16"\nc = "11.0.0.0/8"\nd = "10.0.0.0/8"\n'), [
    '3:1 Host "b" overlaps with host "lan"; a rule that names one reaches what both hold',
    '5:1 Host "d" is the same as host "lan"; a rule that names one reaches what both hold',
  ]);
  assert.deepEqual(warnings("[groups]\nnone = []\n" + rule(`from = ["group:none"]\n${TO}`)), [
    '3:1 This rule never matches: nobody is in its "from" ("group:none"); fill the group, or take the rule out',
  ]);
});

Deno.test("checkPolicy() warns of a rule that another covers, and of no other", () => {
  const covered = (a: string, b: string) =>
    warnings('[tags]\nweb = []\n[posture.p]\nos = ["linux"]\n' + rule(a) + rule(b)).length;
  const wide = `${FROM}to = ["tag:web"]\nports = ["tcp/1-99"]`;
  assert.equal(covered(wide, `from = ["a@b.c"]\nto = ["tag:web"]\nports = ["tcp/80"]`), 1);
  assert.equal(covered(wide, wide), 1);
  assert.equal(covered(wide, `from = ["a@b.c"]\nto = ["tag:web"]\nports = ["tcp/90-100"]`), 0);
  assert.equal(covered(wide, `from = ["10.0.0.0/8"]\nto = ["tag:web"]\nports = ["tcp/80"]`), 0);
  assert.equal(covered(`${wide}\nposture = ["p"]`, wide), 1);
  assert.equal(covered(`${FROM}to = ["10.0.0.0/8"]`, `${FROM}to = ["10.0.0.0/8"]\nvia = ["tag:web"]`), 1);
  // Whoever reaches every machine goes through none of them into the internet.
  assert.equal(covered(`${FROM}to = ["*"]`, `${FROM}to = ["internet"]`), 0);
  assert.equal(covered(`${FROM}to = ["*"]`, `${FROM}to = ["internet"]\nvia = ["tag:web"]`), 0);
  assert.equal(covered(`${FROM}to = ["*", "internet"]`, `${FROM}to = ["internet"]\nvia = ["tag:web"]`), 1);
});
