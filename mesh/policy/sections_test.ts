/** `[routes]`, `[dns]`, `[expiry]` and the internet in rules. */
import assert from "node:assert/strict";
import { compile, type Compiled, exitsFor, routesFor, sees } from "./compile.ts";
import { filterFor } from "./filter.ts";
import { internetBeyond } from "./internet.ts";
import { checkPolicy, parsePolicy } from "./parse.ts";
import { intersectAll, parsePrefix, type Range } from "./prefix.ts";
import { internetEnds, machineEnd, rulesBetween } from "./reach.ts";
import { renderFilter } from "./render_nft.ts";
import { failedTests } from "./tests_run.ts";
import { routesInForce } from "./routes.ts";
import type { PolicyNode } from "./types.ts";

const node = (id: string, o: Partial<PolicyNode> = {}): PolicyNode => ({
  id,
  name: id,
  tags: [],
  user: null,
  ipv4: `100.64.0.${id.charCodeAt(0)}`,
  ipv6: `fd12:3456:789a::${id.charCodeAt(0)}`,
  ...o,
});
const NETWORK = "100.64.0.0/10";
const TAGS = "[tags]\nrouter = []\nexit = []\n";

function network(source: string, nodes: readonly PolicyNode[]): Compiled {
  const policy = parsePolicy(source);
  return compile(policy, { nodes, routes: routesInForce(policy.routes, { signed: [], nodes, network: NETWORK }) });
}

const lines = (source: string) =>
  checkPolicy(source).faults.map(({ line, column, message, mend }) => `${line}:${column} ${message}; ${mend}`);

Deno.test("checkPolicy() finds the faults of [routes], [dns] and [expiry] at their places", () => {
  const cases: [string, string[]][] = [
    [
      `${TAGS}[routes]\n"10.1.1.7/24" = ["tag:router"]\nexti = []\n"0.0.0.0/0" = ["*"]\n"10.0.0.0/8" = ["bob", "10.1.1.1"]\n`,
      [
        '5:1 Bad prefix "10.1.1.7/24": bits are set beyond its length; write "10.1.1.0/24"',
        '6:1 "exti" in [routes] is no prefix; did you mean exit?',
        '7:1 "0.0.0.0/0" is the whole internet; write exit = [...] for exit nodes of both families',
        `8:17 "bob" is not in [hosts], and a machine's name is its own claim, so it cannot be let in by it; give the machine a tag and name that`,
        '8:24 "10.1.1.1" is no machine; name who may announce it: "tag:router" or a user',
      ],
    ],
    ['[routes]\nexit = ["tag:exit"]\n', ['2:9 Undefined tag "tag:exit"; define it: [tags] exit = []']],
    [
      '[dns]\nupstream = ["9.9.9.9"]\nsearch = ["Corp.Example"]\n[dns.split]\n"a b" = ["10.1.1.53"]\ncorp = ["ns1"]\nx = []\n[dns.names]\nprinter = "10.1.1"\n',
      [
        '2:1 Unknown key "upstream" in [dns]; did you mean "upstreams"?',
        '3:11 "Corp.Example" is no domain name; did you mean "corp.example"?',
        '5:1 "a b" is no domain name; use a-z, 0-9, - and dots, without one at its end',
        '6:9 "ns1" is no address of a DNS server; write an IPv4 or IPv6 address, such as "10.1.1.53"',
        '7:5 Nobody is asked about "x"; write ["10.1.1.53"]',
        '9:11 "10.1.1" is no address of a name; write an IPv4 or IPv6 address, such as "10.1.1.53"',
      ],
    ],
    ['[expiry]\nstatik = "90d"\nstatic = "soon"\n', [
      '2:1 "statik" in [expiry] is no way in and no tag; did you mean "static"?',
      '3:10 Bad expiry "soon"; write "12h" or "30d", at most "3650d", or "never"',
    ]],
    ['[[allow]]\nfrom = ["internet"]\nto = ["*"]\n', [
      '2:9 "internet" can only stand in "to"; say who may use an exit node: from = ["*"], to = ["internet"]',
    ]],
    ['[hosts]\ninternet = "10.1.1.1"\n', ['2:1 "internet" has a meaning of its own; choose another name']],
  ];
  for (const [source, expected] of cases) assert.deepEqual(lines(source), expected, source);
});

Deno.test("[routes] approves what fits, by tag and user, and nothing of the network's own", () => {
  const policy = parsePolicy(
    `${TAGS}[routes]\n"10.1.0.0/16" = ["tag:router"]\n"fd00::/8" = ["ann@example.com"]\nexit = ["tag:exit"]\n`,
  );
  const announces = ["10.1.1.0/24", "10.2.0.0/24", "fd99::/64", "0.0.0.0/0", "fd12:3456:789a:1::/64", "100.64.7.0/24"];
  const of = (o: Partial<PolicyNode>) =>
    routesInForce(policy.routes, { signed: [], nodes: [node("r", { announces, ...o })], network: NETWORK })
      .map(({ prefix }) => prefix);
  assert.deepEqual(of({}), []);
  assert.deepEqual(of({ tags: ["tag:router"] }), ["10.1.1.0/24"]);
  assert.deepEqual(of({ user: "ann@example.com" }), ["fd99::/64"]);
  assert.deepEqual(of({ tags: ["tag:exit"] }), ["0.0.0.0/0"]);
  // What an admin signed about the same prefix and machine stands.
  const signed = [{ op: "add", prefix: "10.1.1.0/24", node: "r", metric: 7, snat: false }] as const;
  const nodes = [node("r", { announces, tags: ["tag:router"] })];
  assert.deepEqual(routesInForce(policy.routes, { signed, nodes, network: NETWORK }), [...signed]);
});

const EXIT =
  `${TAGS}[routes]\nexit = ["tag:exit"]\n"8.8.0.0/16" = ["tag:exit"]\n[[allow]]\nfrom = ["ann@example.com"]\nto = ["internet"]\n`;
const both = ["0.0.0.0/0", "::/0", "8.8.0.0/16"];

Deno.test("an exit node is used by those whom a rule lets into the internet, and opens nothing else", () => {
  const nodes = [
    node("a", { user: "ann@example.com" }),
    node("b", { user: "bob@example.com" }),
    node("x", { tags: ["tag:exit"], announces: both }),
    node("y", { announces: both }),
  ];
  const compiled = network(EXIT, nodes);
  assert.deepEqual(exitsFor(compiled, "a"), [{ node: "x", ipv4: true, ipv6: true }]);
  assert.deepEqual(exitsFor(compiled, "b"), []);
  assert.deepEqual([
    sees(compiled, "a", "x"),
    sees(compiled, "x", "a"),
    sees(compiled, "b", "x"),
    sees(compiled, "a", "y"),
  ], [
    true,
    true,
    false,
    false,
  ]);
  // The exit route carries no prefix, and the public route of the same machine needs a rule of its own.
  assert.deepEqual(routesFor(compiled, "a"), []);
  const filter = filterFor(compiled, "x");
  assert.deepEqual([filter.inbound, filter.outbound], [[], []]);
  assert.deepEqual(filter.exit.map(({ sources }) => sources), [["100.64.0.97/32", "fd12:3456:789a::97/128"]]);
  const destinations = filter.exit![0]!.destinations;
  for (const closed of ["10.0.0.0/8", "192.168.0.0/16", "0.0.0.0/0", "::/0", "8.8.0.0/16", "8.0.0.0/5", "fc00::/7"]) {
    assert.ok(!destinations.includes(closed), closed);
  }
  assert.ok(destinations.includes("8.9.0.0/16") && destinations.includes("8.0.0.0/13"), destinations.join());
  // Answers from the internet come out of the tunnel only while that exit is in use.
  assert.deepEqual(filterFor(compiled, "a").peers, ["100.64.0.120/32", "fd12:3456:789a::120/128"]);
  assert.ok(filterFor(compiled, "a", { exit: "x" }).peers.includes("1.0.0.0/8"));
  assert.ok(!filterFor(compiled, "a", { exit: "y" }).peers.includes("1.0.0.0/8"));
});

Deno.test("rulesBetween() answers for the internet through each exit node, and internetBeyond() is nobody's in the network", () => {
  const nodes = [
    node("a", { user: "ann@example.com" }),
    node("b", { user: "bob@example.com" }),
    node("x", { tags: ["tag:exit"], announces: both }),
    node("z", { tags: ["tag:exit", "tag:router"], announces: ["0.0.0.0/0"] }),
  ];
  const compiled = network(`${EXIT}via = ["tag:router"]\n`, nodes);
  const by = (source: string, wanted: string | null) =>
    internetEnds(compiled, wanted === null ? null : parsePrefix(wanted) as Range)
      .map((end) => `${end.label}: ${rulesBetween(compiled, machineEnd(compiled, source)!, end)}`);
  assert.deepEqual(by("a", null), ["internet via x: ", "internet via z: 0"]);
  assert.deepEqual(by("a", "9.9.9.9"), ["internet via x: ", "internet via z: 0"]);
  assert.deepEqual(by("a", "2606:4700::1"), ["internet via x: "]);
  assert.deepEqual(by("b", "9.9.9.9"), ["internet via x: ", "internet via z: "]);
  for (const near of ["10.1.1.1", "8.8.8.8", "fd12:3456:789a::97"]) assert.deepEqual(by("a", near), [], near);
  const beyond = internetBeyond(compiled);
  assert.ok(beyond.includes("8.9.0.0/16") && beyond.includes("9.0.0.0/8"));
  const taken = ["8.8.0.0/16", "10.0.0.0/8", "100.64.0.0/10", "fd12:3456:789a::/48"].map((p) =>
    parsePrefix(p) as Range
  );
  assert.deepEqual(intersectAll(beyond.map((p) => parsePrefix(p) as Range), taken), []);
});

Deno.test("an exit node of one family is one of that family, and via chooses among several", () => {
  const nodes = [
    node("a", { user: "ann@example.com" }),
    node("x", { tags: ["tag:exit"], announces: ["0.0.0.0/0"] }),
    node("z", { tags: ["tag:exit", "tag:router"], announces: both }),
  ];
  assert.deepEqual(exitsFor(network(EXIT, nodes), "a"), [
    { node: "x", ipv4: true, ipv6: false },
    { node: "z", ipv4: true, ipv6: true },
  ]);
  const via = exitsFor(network(`${EXIT}via = ["tag:router"]\n`, nodes), "a");
  assert.deepEqual(via.map(({ node }) => node), ["z"]);
});

Deno.test("renderFilter() lets the internet through where packets are forwarded, never to the machine itself", () => {
  const nodes = [node("a", { user: "ann@example.com" }), node("x", { tags: ["tag:exit"], announces: ["0.0.0.0/0"] })];
  const compiled = network(EXIT, nodes);
  const text = renderFilter(filterFor(compiled, "x"), { iface: "ghost0" });
  const chain = (name: string) => new RegExp(`chain policy_${name} \\{\n([^]*?)^\\}`, "m").exec(text)?.[1] ?? "";
  assert.match(
    chain("exit"),
    /ct state invalid counter drop .*\n(?!.* accept\n).*!= .*\n[^]*ip saddr @\w+ ip daddr @\w+ counter accept/,
  );
  assert.match(chain("forward"), /oifname "ghost0" goto policy_refused_in\n.*jump policy_exit\n.*jump policy_inbound/);
  assert.doesNotMatch(chain("input"), /exit/);
  assert.doesNotMatch(chain("inbound") + chain("allowed"), /ip saddr @\w+ ip daddr/);
  assert.match(chain("refused_in"), /counter drop/);
  assert.doesNotMatch(renderFilter(filterFor(compiled, "a"), { iface: "ghost0" }), /policy_exit/);
});

Deno.test("tests of a policy can name the internet", () => {
  const policy = (test: string) => parsePolicy(`${EXIT}[[test]]\nfrom = "ann@example.com"\n${test}\n`);
  assert.deepEqual(failedTests(policy('accept = ["internet tcp/443"]\ndeny = ["10.1.1.1", "8.8.8.8"]')), []);
  assert.equal(failedTests(policy('deny = ["internet tcp/443"]')).length, 1);
});
