import assert from "node:assert/strict";
import type { Runner, RunOptions } from "../../mesh/host/runner.ts";
import { IpTool } from "./ip.ts";
import { parseAddresses, parseHostAddresses, parseOtherRoutes, parseOwnRoutes } from "./ip_json.ts";

/** As iproute2 6.1 prints it, `{}` for what its filter left out included. */
const TUNNEL = JSON.parse(
  '[{},{"ifindex":2,"ifname":"ghost0","flags":["POINTOPOINT","MULTICAST","NOARP","UP","LOWER_UP"],"mtu":1280,' +
    '"qdisc":"pfifo_fast","operstate":"UNKNOWN","group":"default","txqlen":500,"link_type":"none","addr_info":[' +
    '{"family":"inet","local":"100.64.0.1","prefixlen":32,"scope":"global","label":"ghost0","valid_life_time":4294967295},' +
    '{"family":"inet6","local":"fd00::9","prefixlen":128,"scope":"global","nodad":true,"valid_life_time":4294967295},' +
    '{"family":"inet6","local":"fe80::af84:ab8e:f9b4:eb90","prefixlen":64,"scope":"link","stable-privacy":true}]}]',
);

Deno.test("parseAddresses() tells addresses, MTU and state, link-local ones left out", () => {
  assert.deepEqual(parseAddresses(TUNNEL), { addresses: ["100.64.0.1/32", "fd00::9/128"], mtu: 1280, up: true });
  assert.throws(() => parseAddresses([{}]), { code: "not_found" });
  assert.throws(() => parseAddresses([{ ifname: 7 }]), { code: "bad_input" });
});

Deno.test("parseOwnRoutes() reads both families, and tells what is unreachable apart", () => {
  const four = '[{"dst":"10.0.0.2","dev":"ghost0","scope":"link","metric":18800,"flags":[]},' +
    '{"dst":"10.1.0.0/24","dev":"ghost0","scope":"link","prefsrc":"100.64.0.1","metric":18800,"flags":[]},' +
    '{"dst":"default","dev":"ghost0","flags":[]},{"dst":"10.9.0.1","dev":"eth0","metric":18801},' +
    '{"dst":"100.64.0.7","dev":"ghost1","metric":18800},{"type":"unreachable","dst":"100.64.0.2","metric":3758096391,"flags":[]}]';
  assert.deepEqual(parseOwnRoutes(JSON.parse(four), 4, "ghost0"), {
    tunnel: [
      { prefix: "10.0.0.2", source: null },
      { prefix: "10.1.0.0/24", source: "100.64.0.1" },
      { prefix: "0.0.0.0/0", source: null },
    ],
    unreachable: [{ prefix: "100.64.0.2/32", metric: 3758096391 }],
  });
  const six = [{ dst: "default", dev: "ghost0" }, { type: "unreachable", dst: "fd11:2:3::/48", dev: "lo", metric: 7 }];
  assert.deepEqual(parseOwnRoutes(six, 6, "ghost0"), {
    tunnel: [{ prefix: "::/0", source: null }],
    unreachable: [{ prefix: "fd11:2:3::/48", metric: 7 }],
  });
});

Deno.test("parseHostAddresses() leaves out what leads nowhere", () => {
  const link = (ifname: string, flags: string[], addr_info: unknown[], more = {}) => ({
    ifname,
    flags,
    addr_info,
    ...more,
  });
  const four = (local: string, scope = "global") => ({ family: "inet", local, prefixlen: 24, scope });
  const six = (local: string, more = {}) => ({ family: "inet6", local, prefixlen: 64, scope: "global", ...more });
  const up = ["UP", "LOWER_UP"];
  const found = parseHostAddresses([
    link("lo", ["LOOPBACK", ...up], [four("127.0.0.1", "host"), four("198.51.100.1")]),
    link("ghost0", up, [four("100.64.0.1")]),
    link("ghost1", up, [four("100.64.0.2")], { ifalias: "ghostlink abc" }),
    link("docker0", up, [four("172.17.0.1")]),
    link("br-0123456789ab", up, [four("172.18.0.1")]),
    link("veth12ab", up, [four("172.19.0.1")]),
    link("eth0", up, [
      four("192.168.1.7"),
      four("169.254.3.4"),
      six("2001:db8::7"),
      six("2001:db8::8", { deprecated: true }),
      six("2001:db8::9", { tentative: true }),
      six("fe80::1", { scope: "link" }),
      six("fd12::7"),
    ]),
    link("br0", up, [four("10.0.0.5")]),
    link("tailscale0", up, [four("100.101.102.103")], { linkinfo: { info_kind: "tun" } }),
    link("wg0", up, [four("10.8.0.2"), six("fd42::2")], { linkinfo: { info_kind: "wireguard" } }),
    ...["docker_gwbridge", "cni0", "podman1", "virbr0", "lxdbr0", "lxc42", "cilium_host", "vxlan.calico", "vboxnet0"]
      .map(
        (name) => link(name, up, [four("10.88.0.1"), six("fd88::1")]),
      ),
  ], "ghost0");
  assert.deepEqual(found.map((a) => `${a.iface} ${a.family} ${a.address}`), [
    "eth0 4 192.168.1.7",
    "eth0 6 2001:db8::7",
    "eth0 6 fd12::7",
    "br0 4 10.0.0.5",
  ]);
});

Deno.test("parseOtherRoutes() reads what others lead somewhere, in any table", () => {
  const routes = [
    { dst: "default", gateway: "192.168.1.1", dev: "eth0" },
    { dst: "192.168.1.0/24", dev: "eth0", protocol: "kernel", scope: "link" },
    { dst: "100.100.1.1", dev: "tailscale0", table: "52", type: "unicast" },
    { dst: "100.64.0.9", dev: "ghost0", protocol: 207 },
    { dst: "10.1.1.0/24", dev: "ghost1", protocol: "207" },
    { dst: "192.168.1.7", dev: "eth0", table: "local", type: "local" },
    { dst: "10.9.0.0/16", type: "blackhole" },
  ];
  assert.deepEqual(parseOtherRoutes(routes, "ghost0"), [
    { prefix: "192.168.1.0/24", iface: "eth0" },
    { prefix: "100.100.1.1/32", iface: "tailscale0" },
  ]);
  assert.deepEqual(parseOtherRoutes([{ dst: "fd00::1", dev: "eth0" }], "ghost0"), [
    { prefix: "fd00::1/128", iface: "eth0" },
  ]);
});

Deno.test("IpTool.apply() does all steps in one call and names the one that failed", async () => {
  const calls: { args: readonly string[]; options: RunOptions | undefined }[] = [];
  let answer = { code: 0, stdout: "", stderr: "" };
  const runner: Runner = {
    run: (_cmd, args, options) => {
      calls.push({ args, options });
      return Promise.resolve(answer);
    },
    spawn: () => assert.fail("nothing to spawn"),
  };
  const ip = new IpTool({ runner, tools: { ip: "/usr/sbin/ip" }, iface: "ghost0" });
  await ip.apply([]);
  assert.equal(calls.length, 0);
  const steps = [
    { type: "mtu", mtu: 1280 },
    { type: "address-add", address: "fd00::1/128" },
    { type: "route-add", prefix: "10.1.1.0/24", source: null },
    { type: "route-replace", prefix: "10.2.0.0/16", source: "100.64.0.1" },
  ] as const;
  await ip.apply(steps);
  assert.deepEqual(calls[0]!.args, ["-force", "-batch", "-"]);
  assert.deepEqual(
    calls[0]!.options?.stdin,
    [
      "link set dev ghost0 mtu 1280",
      "addr add fd00::1/128 dev ghost0 nodad",
      "route add 10.1.1.0/24 dev ghost0 proto 207 metric 18800",
      "route replace 10.2.0.0/16 dev ghost0 proto 207 metric 18800 src 100.64.0.1",
      "",
    ].join("\n"),
  );
  answer = { code: 1, stdout: "", stderr: "RTNETLINK answers: File exists\nCommand failed -:3\n" };
  await assert.rejects(ip.apply(steps), {
    message: "RTNETLINK answers: File exists",
    place: "ip route add 10.1.1.0/24 dev ghost0 proto 207 metric 18800",
  });
});
