/** The rendered filter before a real nft and a real kernel, in namespaces of its own. */
import assert from "node:assert/strict";
import { compile } from "../../mesh/policy/compile.ts";
import { filterFor } from "../../mesh/policy/filter.ts";
import type { Plan, Probe } from "./world.ts";
import { readListing } from "../../mesh/policy/counted.ts";
import { parsePolicy } from "../../mesh/policy/parse.ts";
import { renderFilter } from "../../mesh/policy/render_nft.ts";
import { STARTER_POLICY } from "../../mesh/policy/starter.ts";
import type { PolicyNode, PolicyRoute } from "../../mesh/policy/types.ts";

const POLICY = `
[tags]
web = []
[hosts]
lan = "10.1.1.0/24"
six = "fd12::/64"
[[allow]]
from = ["tag:web"]
to = ["*"]
ports = ["tcp/443", "udp/5353", "icmp"]
[[allow]]
from = ["tag:web"]
to = ["lan", "six"]
ports = ["tcp/443"]
[[allow]]
from = ["lan"]
to = ["tag:web"]
ports = ["tcp/443"]
[[allow]]
from = ["10.8.1.0/24"]
to = ["*"]
ports = ["tcp/400-499"]
[[allow]]
from = ["*"]
to = ["self"]
`;
const NODES: PolicyNode[] = [
  { id: "me", name: "me", tags: [], user: "ann@x.y", ipv4: "100.64.0.1", ipv6: "fd00::1" },
  { id: "two", name: "two", tags: ["tag:web"], user: null, ipv4: "100.64.0.2", ipv6: "fd00::2" },
  { id: "three", name: "three", tags: [], user: "ann@x.y", ipv4: "100.64.0.3", ipv6: "fd00::3" },
];
const ROUTES: PolicyRoute[] = [
  { prefix: "10.1.1.0/24", node: "me" },
  { prefix: "fd12::/64", node: "me" },
  { prefix: "10.8.1.0/24", node: "two" },
];

/** The whole table, replaced in one transaction. The last chain is what a container engine would do. */
function table(source: string, { nodes = NODES, routes = ROUTES } = {}): string {
  const filter = filterFor(compile(parsePolicy(source), { nodes, routes }), "me");
  return `table inet ghostlink_test {\n}\ndelete table inet ghostlink_test\ntable inet ghostlink_test {\n${
    renderFilter(filter, { iface: "ghost0" })
  }chain publish {\n  type nat hook prerouting priority dstnat;\n  tcp dport 8080 dnat ip to 172.17.0.9:443\n}\n}\n`;
}

/** Runs a command in namespaces of its own, with nothing of the host's network in reach. */
async function inWorld(argv: string[], input: string): Promise<string> {
  const flags = Deno.uid() === 0 ? "-nmpf" : "-Urnmpf";
  const args = [flags, "--kill-child", "--mount-proc", ...argv];
  const child = new Deno.Command("unshare", { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

const ignore = Deno.build.os !== "linux";

Deno.test({
  name: "renderFilter() gives text that nft takes: for no rules at all, the starter policy, and many machines",
  ignore,
  fn: async () => {
    const nodes = [
      ...NODES,
      ...Array.from({ length: 2000 }, (_, i): PolicyNode => ({
        id: `n${i}`,
        name: `n${i}`,
        tags: i % 3 === 0 ? ["tag:web"] : [],
        user: null,
        ipv4: `100.65.${i >> 8}.${i & 255}`,
        ipv6: `fd00:1::${i.toString(16)}`,
      })),
    ];
    const routes = [...ROUTES, { prefix: "10.0.0.0/8", node: "n0" }, { prefix: "10.1.1.64/26", node: "n3" }];
    const all = [table(""), table(STARTER_POLICY), table(POLICY), table(POLICY, { nodes, routes })];
    await inWorld(["nft", "-c", "-f", "-"], all.join(""));
  },
});

type Row = [
  pass: boolean,
  host: Probe["host"],
  kind: Probe["kind"],
  from: string,
  to: string,
  port?: number | undefined,
  size?: number,
];

const FIRST: Row[] = [
  // to this machine
  [true, "peer", "tcp", "100.64.0.2", "100.64.0.1", 443],
  [true, "peer", "held", "100.64.0.2", "100.64.0.1", 443],
  [true, "peer", "held", "fd00::3", "fd00::1", 22],
  [true, "peer", "udp", "100.64.0.2", "100.64.0.1", 5353],
  [true, "peer", "udp", "fd00::2", "fd00::1", 5353, 4000], // in fragments: the port is only in the first
  [true, "peer", "icmp", "100.64.0.2", "100.64.0.1", undefined, 3000],
  [true, "peer", "icmp", "fd00::2", "fd00::1"],
  [false, "peer", "tcp", "100.64.0.2", "100.64.0.1", 22],
  [false, "peer", "tcp", "fd00::2", "fd00::1", 22],
  [false, "peer", "udp", "100.64.0.2", "100.64.0.1", 443],
  [false, "peer", "udp", "fd00::2", "fd00::1", 443, 4000],
  // self: everything among ann's machines
  [true, "peer", "tcp", "100.64.0.3", "100.64.0.1", 22],
  [true, "peer", "icmp", "fd00::3", "fd00::1"],
  [false, "peer", "tcp", "100.64.0.3", "10.1.1.9", 443],
  // a network behind another machine
  [true, "peer", "tcp", "10.8.1.5", "100.64.0.1", 443],
  [false, "peer", "tcp", "10.8.1.5", "100.64.0.1", 22],
  // inner sources that are nobody's
  [false, "peer", "tcp", "100.64.0.4", "100.64.0.1", 443],
  [false, "peer", "icmp", "10.9.0.5", "100.64.0.1"],
  // into the network that this machine carries, its own address there included
  [true, "peer", "tcp", "100.64.0.2", "10.1.1.9", 443],
  [true, "peer", "tcp", "fd00::2", "fd12::9", 443],
  [true, "peer", "tcp", "100.64.0.2", "10.1.1.1", 443],
  [false, "peer", "tcp", "100.64.0.2", "10.1.1.9", 22],
  [false, "peer", "icmp", "fd00::2", "fd12::9"],
  [false, "peer", "icmp", "100.64.0.2", "172.17.0.9"],
  [false, "peer", "tcp", "100.64.0.2", "100.64.0.1", 8080], // sent on to 172.17.0.9 by DNAT
  // out of that network
  [true, "lan", "tcp", "10.1.1.9", "100.64.0.2", 443],
  [false, "lan", "tcp", "10.1.1.9", "100.64.0.2", 22],
  [false, "lan", "tcp", "10.1.1.9", "100.64.0.3", 443],
  [false, "lan", "tcp", "fd12::9", "fd00::2", 443],
  [false, "lan", "icmp", "172.17.0.9", "100.64.0.2"],
  // answers to this machine, whatever the port, and errors about what it sent
  [true, "self", "tcp", "100.64.0.1", "100.64.0.3", 22],
  [true, "self", "udp", "fd00::1", "fd00::2", 443],
  [true, "self", "icmp", "100.64.0.1", "100.64.0.3"],
  [true, "self", "ttl", "100.64.0.1", "10.8.2.9"],
  [false, "self", "ttl", "fd00::1", "fd98::9"], // the error comes from nobody's address
  // what does not touch the tunnel
  [true, "lan", "tcp", "10.1.1.9", "10.1.1.1", 22],
  [true, "lan", "tcp", "10.1.1.9", "100.64.0.1", 22],
];

/** After tag:web lost its rules: a flow that was open is judged anew. */
const SECOND: Row[] = [
  [false, "peer", "held", "100.64.0.2", "100.64.0.1", 443],
  [true, "peer", "held", "fd00::3", "fd00::1", 22],
  [false, "peer", "tcp", "100.64.0.2", "100.64.0.1", 443],
  [true, "peer", "tcp", "10.8.1.5", "100.64.0.1", 443],
];

function round(nft: string, rows: Row[]): Plan["rounds"][number] {
  const probes = rows.map(([, host, kind, from, to, port, size]): Probe => ({
    host,
    kind,
    from,
    to,
    ...(port === undefined ? {} : { port }),
    ...(size === undefined ? {} : { size }),
  }));
  const pass = rows.filter(([passes]) => passes).length;
  return { nft, probes, pass, drop: rows.length - pass };
}

/** What each round's probes got, and the table as it was then. */
async function inKernel(plan: Plan): Promise<{ answered: number[][]; listings: unknown[] }> {
  const world = new URL("world.ts", import.meta.url).pathname;
  return JSON.parse(await inWorld([Deno.execPath(), "run", "-A", "--no-config", world], JSON.stringify(plan)));
}

Deno.test({
  name:
    "renderFilter() in a kernel: allowed traffic passes, all other is dropped, and a narrower policy ends open flows",
  ignore,
  fn: async () => {
    const narrower = POLICY.replaceAll('from = ["tag:web"]', 'from = ["nobody@x.y"]');
    const plan: Plan = { rounds: [round(table(POLICY), FIRST), round(table(narrower), SECOND)] };
    const { answered: all } = await inKernel(plan);
    [FIRST, SECOND].forEach((rows, i) => {
      const answered = all[i]!;
      rows.forEach((row, j) => assert.equal(answered.includes(j), row[0], `round ${i + 1}: ${row.join(" ")}`));
    });
  },
});

/** Everything is allowed, and the firewall takes from it. */
const FIREWALL = `
[tags]
web = []
[hosts]
lan = "10.1.1.0/24"
[[allow]]
from = ["*", "lan", "10.8.1.0/24"]
to = ["*", "lan"]
[[firewall]]
on = ["*"]
direction = "in"
from = ["tag:web"]
ports = ["tcp/22"]
action = "drop"
[[firewall]]
on = ["me"]
direction = "out"
to = ["100.64.0.3", "fd00::3"]
ports = ["udp/5353"]
action = "drop"
[[firewall]]
on = ["me"]
direction = "in"
to = ["lan"]
ports = ["icmp"]
action = "drop"
[[firewall]]
on = ["me"]
direction = "in"
ports = ["udp/443"]
action = "limit 1/hour burst 2"
[[firewall]]
on = ["*"]
ports = ["tcp/443", "icmp"]
action = "log"
[[firewall]]
on = ["nobody"]
action = "drop"
`;

const UNDER_FIREWALL: Row[] = [
  [false, "peer", "tcp", "100.64.0.2", "100.64.0.1", 22],
  [false, "peer", "tcp", "fd00::2", "fd00::1", 22],
  [true, "peer", "tcp", "100.64.0.3", "100.64.0.1", 22],
  [true, "peer", "held", "100.64.0.3", "100.64.0.1", 22],
  [true, "peer", "tcp", "100.64.0.2", "100.64.0.1", 443], // logged
  [true, "peer", "icmp", "fd00::2", "fd00::1"], // logged
  [false, "peer", "icmp", "100.64.0.2", "10.1.1.9"], // logged and dropped: it goes on to the network behind
  [true, "peer", "tcp", "100.64.0.2", "10.1.1.9", 5353],
  // out: this machine's own, and what it carries for others
  [false, "self", "udp", "100.64.0.1", "100.64.0.3", 5353],
  [false, "self", "udp", "fd00::1", "fd00::3", 5353, 4000],
  [true, "self", "udp", "100.64.0.1", "100.64.0.2", 5353],
  [true, "self", "tcp", "100.64.0.1", "100.64.0.2", 22], // "in" says nothing of what goes out, nor do its answers count as coming in
  [false, "lan", "udp", "10.1.1.9", "100.64.0.3", 5353],
  // a sender's third one, and another's first one
  [true, "peer", "udp", "100.64.0.2", "100.64.0.1", 443],
  [true, "peer", "udp", "100.64.0.2", "100.64.0.1", 443],
  [false, "peer", "udp", "100.64.0.2", "100.64.0.1", 443],
  [true, "peer", "udp", "100.64.0.3", "100.64.0.1", 443],
  // no firewall rule lets anything in
  [false, "peer", "tcp", "100.64.0.4", "100.64.0.1", 443],
];

Deno.test({
  name: "renderFilter() in a kernel: firewall rules drop, limit and log, at both ends, and tell of it",
  ignore,
  fn: async () => {
    const drops = FIREWALL.replace(
      "[[firewall]]",
      '[[firewall]]\non = ["me"]\nports = ["tcp/22"]\naction = "drop"\n[[firewall]]',
    );
    const after: Row[] = [[false, "peer", "held", "100.64.0.3", "100.64.0.1", 22]];
    const plan: Plan = { rounds: [round(table(FIREWALL), UNDER_FIREWALL), round(table(drops), after)] };
    const { answered, listings } = await inKernel(plan);
    UNDER_FIREWALL.forEach((row, j) => assert.equal(answered[0]!.includes(j), row[0], row.join(" ")));
    assert.deepEqual(answered[1], [], "an open flow ends when a rule drops it");
    const { counts, flows } = readListing(listings[0]);
    const of = (kind: string, direction: string, rule?: number) =>
      counts.filter(({ of }) =>
        of.kind === kind && of.direction === direction && (rule === undefined || of.rules[0] === rule)
      )
        .reduce((sum, { packets }) => sum + packets, 0);
    assert.equal(of("firewall", "in", 2), 1);
    assert.equal(of("firewall", "in", 3), 1);
    assert.ok(of("firewall", "in", 0) >= 2 && of("firewall", "out", 1) >= 3 && of("allow", "in") >= 8);
    assert.equal(of("stranger", "in") > 0, true);
    assert.ok(!counts.some(({ of }) => of.kind === "firewall" && of.rules[0] === 5), "not this machine's");
    const seen = flows.map((f) =>
      `${f.of.kind} ${f.of.direction} ${f.of.rules} ${f.source} ${f.destination} ${f.protocol} ${f.port}`
    );
    for (
      const flow of [
        "firewall in 0 fd00::2 fd00::1 tcp 22",
        "firewall in 2 100.64.0.2 10.1.1.9 icmp null",
        "firewall in 3 100.64.0.2 100.64.0.1 udp 443",
        "firewall in 4 100.64.0.2 100.64.0.1 tcp 443",
        "firewall in 4 fd00::2 fd00::1 ipv6-icmp null",
        "firewall in 4 100.64.0.2 10.1.1.9 icmp null",
        "firewall out 1 100.64.0.1 100.64.0.3 udp 5353",
        "firewall out 1 fd00::1 fd00::3 udp 5353",
        "firewall out 1 10.1.1.9 100.64.0.3 udp 5353",
        "stranger in  100.64.0.4 100.64.0.1 tcp 443",
      ]
    ) assert.ok(seen.includes(flow), `${flow} in\n${seen.join("\n")}`);
    assert.equal(
      seen.filter((flow) => flow.startsWith("firewall in 3 ")).length,
      1,
      "what is within the limit is no matter",
    );
  },
});
