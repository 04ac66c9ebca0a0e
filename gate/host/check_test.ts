import assert from "node:assert/strict";
import { systemRunner } from "../../mesh/host/runner.ts";
import { checkHost, findingLines } from "./check.ts";

const ports = { first: 40_000, last: 49_999 };
const answers = (o: { nft: number; chains: string; rmem: string; gro: string }) => ({
  ...systemRunner,
  run: (cmd: string, args: readonly string[]) => {
    const done = (stdout: string, code = 0) => Promise.resolve({ code, stdout, stderr: "" });
    if (cmd.endsWith("/nft")) return args[1] === "tables" ? done("", o.nft) : done(o.chains);
    if (cmd.endsWith("/ethtool")) return done(`rx-udp-gro-forwarding: ${o.gro}\n`);
    if (args[1]!.includes("mem_max")) return done(`${o.rmem}\n`);
    return done(args[1]!.includes("reserved") ? "40000-49999\n" : "1\n");
  },
});

Deno.test("checkHost() is content with a host that has all of it", async () => {
  const runner = answers({
    nft: 0,
    chains: "table ip filter {\n\tchain fwd {\n\t\ttype filter hook forward priority 0; policy accept;\n",
    rmem: "8388608",
    gro: "on",
  });
  const found = await checkHost({ runner, ports, kernel: true, turn: true, interfaces: [] });
  assert.deepEqual(found.filter((f) => f.lack !== null), []);
  assert.ok(found.length >= 8);
});

Deno.test("checkHost() names what is missing and the line to type", async () => {
  const chains =
    "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n";
  const runner = answers({ nft: 1, chains, rmem: "212992", gro: "off" });
  const lines = findingLines(await checkHost({ runner, ports, kernel: true, interfaces: [] })).join("\n");
  assert.match(lines, /lacks nftables with privilege/);
  assert.match(lines, /nft insert rule ip filter FORWARD "meta mark & 0xffff0000 == 0x47470000 accept"/);
  assert.match(lines, /sysctl -w net\.core\.rmem_max=4194304/);
  assert.match(lines, /ok {4}IPv4 forwarding/);
});

Deno.test("checkHost() asks for nothing that lanes alone need where there are none, or none in the kernel", async () => {
  const chains = "table ip f {\n\tchain F {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n";
  const runner = answers({ nft: 1, chains, rmem: "8388608", gro: "off" });
  const check = async (o: { ports: typeof ports | null; kernel: boolean; turn: boolean }) =>
    (await checkHost({ runner, interfaces: ["eth0"], ...o })).filter((f) => f.lack !== null).map((f) => f.lack);
  assert.deepEqual(await check({ ports: null, kernel: true, turn: false }), []);
  assert.deepEqual(await check({ ports, kernel: false, turn: false }), []);
  assert.deepEqual(await check({ ports, kernel: false, turn: true }), ["not permitted: there is no TURN service"]);
});
