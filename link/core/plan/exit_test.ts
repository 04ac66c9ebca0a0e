import assert from "node:assert/strict";
import fc from "fast-check";
import { type DesiredExit, exitNumbers, exitOrder, type ExitState, exitState, NO_EXIT, planExit } from "./exit.ts";
import { killTable, removeKillSwitch, renderKillSwitch } from "./kill_switch.ts";

const EXIT: DesiredExit = {
  use: true,
  ipv4: true,
  ipv6: true,
  lan: false,
  source: "100.64.0.1",
  ports: [51821, 40000],
  services: [{ address: "203.0.113.9", protocol: "tcp", port: 7777 }, {
    address: "2001:DB8::9",
    protocol: "udp",
    port: 3478,
  }],
  containers: ["172.17.0.0/16"],
  carried: ["10.7.0.0/16"],
  overlay: ["100.64.0.0/10", "fd12:3456:789a::/48", "10.1.1.0/24"],
};
const { priority: p, into, table } = exitNumbers("ghost0");

Deno.test("planExit() lets the daemon past before it leads all else into the tunnel, in both families", () => {
  const lines = planExit("ghost0", exitState(EXIT), NO_EXIT);
  assert.deepEqual(lines, [
    `-4 route replace unreachable default table ${table} proto 207 metric 18900`,
    `-4 route replace default dev ghost0 table ${table} proto 207 metric 18700 src 100.64.0.1`,
    `-4 rule add pref ${p} fwmark 0x67680000 lookup main protocol 207`,
    `-4 rule add pref ${p} to 100.64.0.0/10 lookup main suppress_prefixlength 0 protocol 207`,
    `-4 rule add pref ${p} to 10.1.1.0/24 lookup main suppress_prefixlength 0 protocol 207`,
    `-4 rule add pref ${p + 1} ipproto udp sport 51821 lookup main protocol 207`,
    `-4 rule add pref ${p + 1} ipproto udp sport 40000 lookup main protocol 207`,
    `-4 rule add pref ${p + 1} to 203.0.113.9/32 ipproto tcp dport 7777 lookup main protocol 207`,
    `-4 rule add pref ${p + 2} to 172.17.0.0/16 lookup main protocol 207`,
    `-4 rule add pref ${p + 2} to 10.7.0.0/16 lookup main protocol 207`,
    `-4 rule add pref ${into} lookup ${table} protocol 207`,
    `-6 route replace unreachable default table ${table} proto 207 metric 18900`,
    `-6 route replace default dev ghost0 table ${table} proto 207 metric 18700`,
    `-6 rule add pref ${p} fwmark 0x67680000 lookup main protocol 207`,
    `-6 rule add pref ${p} to fd12:3456:789a::/48 lookup main suppress_prefixlength 0 protocol 207`,
    `-6 rule add pref ${p + 1} ipproto udp sport 51821 lookup main protocol 207`,
    `-6 rule add pref ${p + 1} ipproto udp sport 40000 lookup main protocol 207`,
    `-6 rule add pref ${p + 1} to 2001:db8::9/128 ipproto udp dport 3478 lookup main protocol 207`,
    `-6 rule add pref ${p + 2} to fe80::/10 lookup main protocol 207`,
    `-6 rule add pref ${p + 2} to ff00::/8 lookup main protocol 207`,
    `-6 rule add pref ${into} lookup ${table} protocol 207`,
  ]);
  assert.deepEqual(planExit("ghost0", exitState(EXIT), exitState(EXIT)), []);
});

Deno.test("planExit() takes ::/0 away with the rest, and first what leads into the tunnel", () => {
  const lines = planExit("ghost0", NO_EXIT, exitState(EXIT));
  for (const flag of ["-4", "-6"]) {
    const own = lines.filter((line) => line.startsWith(flag));
    assert.match(own[0]!, new RegExp(`rule del pref ${into} `));
    assert.match(own.at(-3)!, new RegExp(`rule del pref ${p} fwmark`));
    assert.match(own.at(-2)!, /route del unreachable default/);
    assert.match(own.at(-1)!, /route del default dev ghost0/);
  }
  assert.equal(lines.length, planExit("ghost0", exitState(EXIT), NO_EXIT).length);
});

Deno.test("planExit() blocks the family that the exit lacks, and lets the LAN by when asked to", () => {
  const lines = planExit("ghost0", exitState({ ...EXIT, ipv6: false, lan: true }), exitState(EXIT));
  assert.deepEqual(lines, [
    `-4 rule add pref ${p + 2} lookup main suppress_prefixlength 0 protocol 207`,
    `-6 rule add pref ${p + 2} lookup main suppress_prefixlength 0 protocol 207`,
    `-6 route del default dev ghost0 table ${table} proto 207 metric 18700`,
  ]);
});

/** What the kernel would have after the lines. */
function applied(lines: readonly string[], before: readonly string[]): string[] {
  const there = new Set(before);
  for (const line of lines) {
    const [, flag, what, verb, rest] = /^(-[46]) (route|rule) (add|replace|del) (.*)$/.exec(line)!;
    const key = `${flag} ${what} ${rest}`;
    if (verb === "del") assert.ok(there.delete(key), `not there: ${key}`);
    else there.add(key);
  }
  return [...there].sort();
}

Deno.test("planExit() leads what is a tunnel's own past another tunnel's exit, before any rule into one", () => {
  const past = exitState({ ...EXIT, use: false, ipv4: false, ipv6: false, containers: [] });
  const lines = planExit("ghost1", past, NO_EXIT);
  assert.ok(lines.every((line) => / rule add .* lookup main /.test(line)), "no table, and nothing led into one");
  const own = exitNumbers("ghost1").priority;
  assert.deepEqual(lines.filter((line) => line.startsWith("-6")), [
    `-6 rule add pref ${own} fwmark 0x67680000 lookup main protocol 207`,
    `-6 rule add pref ${own} to fd12:3456:789a::/48 lookup main suppress_prefixlength 0 protocol 207`,
    `-6 rule add pref ${own + 1} ipproto udp sport 51821 lookup main protocol 207`,
    `-6 rule add pref ${own + 1} ipproto udp sport 40000 lookup main protocol 207`,
    `-6 rule add pref ${own + 1} to 2001:db8::9/128 ipproto udp dport 3478 lookup main protocol 207`,
  ]);
  assert.deepEqual(planExit("ghost1", NO_EXIT, past).length, lines.length);
});

Deno.test("exitOrder() knows each tunnel's rules, and all that lead past an exit come before all that lead into one", () => {
  for (const iface of ["ghost0", "ghost1", "tun-x", "abcdefghijklmno"]) {
    const numbers = exitNumbers(iface);
    for (const order of [0, 1, 2]) {
      assert.deepEqual(exitOrder(numbers.priority + order), { order, table: numbers.table });
    }
    assert.deepEqual(exitOrder(numbers.into), { order: 3, table: numbers.table });
    assert.ok(numbers.priority + 3 < Math.min(...["ghost0", "ghost1", "tun-x"].map((name) => exitNumbers(name).into)));
  }
  for (const priority of [0, 5999, 6003, 7000, 32766]) assert.equal(exitOrder(priority), null);
});

Deno.test("planExit() leads from any state to any other, and never deletes what is not there", () => {
  const exit = fc.record({
    use: fc.boolean(),
    ipv4: fc.boolean(),
    ipv6: fc.boolean(),
    lan: fc.boolean(),
    source: fc.constantFrom("100.64.0.1", null),
    ports: fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
    services: fc.array(
      fc.record({
        address: fc.constantFrom("192.0.2.1", "192.0.2.2", "2001:db8::1"),
        protocol: fc.constantFrom("tcp" as const, "udp" as const),
        port: fc.integer({ min: 1, max: 3 }),
      }),
      { maxLength: 4 },
    ),
    containers: fc.subarray(["172.17.0.0/16", "fd00::/64"]),
    carried: fc.subarray(["10.7.0.0/16", "fd07::/64"]),
    overlay: fc.subarray(["100.64.0.0/10", "fd12:3456:789a::/48"]),
  });
  const state = fc.option(exit).map((wanted): ExitState => exitState(wanted));
  fc.assert(fc.property(state, state, (a, b) => {
    const there = applied(planExit("ghost0", a, NO_EXIT), []);
    // A route that replaces one of its metric leaves none behind, as in the kernel.
    const lines = planExit("ghost0", b, a);
    const place = (line: string) => `${line.slice(0, 2)} ${/ metric \d+/.exec(line)}`;
    const replaced = lines.filter((l) => / route replace /.test(l)).map(place);
    const left = there.filter((key) => key.slice(3, 8) !== "route" || !replaced.includes(place(key)));
    assert.deepEqual(applied(lines, left), applied(planExit("ghost0", b, NO_EXIT), []));
  }));
});

Deno.test("planExit() never leaves a family with a rule but without a route: what is unreachable comes first and goes last", () => {
  const blocked = { ...EXIT, ipv4: false, ipv6: false };
  assert.deepEqual(planExit("ghost0", exitState(EXIT), exitState(blocked)).map((line) => line.slice(0, 28)), [
    "-4 route replace default dev",
    "-6 route replace default dev",
  ]);
  assert.deepEqual(planExit("ghost0", exitState(blocked), exitState(EXIT)).map((line) => line.slice(0, 24)), [
    "-4 route del default dev",
    "-6 route del default dev",
  ]);
  // As an older version left it.
  const [four, six] = exitState(EXIT);
  const old = { rules: four.rules, routes: [{ kind: "unreachable" as const, metric: 18_800 }] };
  assert.deepEqual(planExit("ghost0", exitState(EXIT), [old, six]).map((line) => line.replace(/ proto.*metric/, "")), [
    `-4 route replace unreachable default table ${table} 18900`,
    `-4 route replace default dev ghost0 table ${table} 18700 src 100.64.0.1`,
    `-4 route del unreachable default table ${table} 18800`,
  ]);
});

Deno.test("renderKillSwitch() replaces one table and names what may pass, the rest is refused", () => {
  const text = renderKillSwitch("my-vpn", {
    ports: { wireguard: 51820, ice: 51821, names: 40000 },
    services: EXIT.services,
    lan: ["10.9.1.0/24"],
    containers: ["172.17.0.0/16"],
    uplinks: ["br-wan"],
    others: { tunnels: ["ghost9"], ports: [40001] },
  });
  assert.ok(text.startsWith(removeKillSwitch("my-vpn")));
  assert.equal(killTable("my-vpn"), "ghostkill_my/vpn");
  assert.match(text, /ip daddr \. meta l4proto \. th dport \{ 203\.0\.113\.9 \. tcp \. 7777 \} accept/);
  assert.match(text, /ip6 daddr \. meta l4proto \. th dport \{ 2001:db8::9 \. udp \. 3478 \} accept/);
  assert.match(text, /oifname \{ "lo", "my-vpn", "ghost9" \} accept/);
  assert.match(text, /udp sport \{ 51820, 51821, 40001 \} accept/);
  assert.match(text, /oifname \{ "my-vpn", "ghost9" \} return/);
  assert.match(text, /set near4 .*10\.9\.1\.0\/24, 172\.17\.0\.0\/16/);
  assert.match(text, /counter reject\n {2}\}\n {2}chain containers/);
  assert.match(text, /iifname \{ "br-wan" \} return\n[^]*iifname "docker\*" jump beyond\n/);
  assert.doesNotMatch(text, /ct direction/, "answers are refused as well");
  const down = renderKillSwitch("my-vpn", {
    ports: null,
    services: [],
    lan: [],
    containers: [],
    uplinks: [],
    others: { tunnels: [], ports: [] },
  });
  assert.doesNotMatch(down, /udp sport \{|dport 53/);
});
