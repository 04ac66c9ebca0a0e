/** The turn rung for `bench paths`, and bare WireGuard through a bare coturn beside it. */
import { bareTunnel } from "../lab/bare.ts";
import type { Host, Lab } from "../lab/lab.ts";
import { createToken, ipv4Of, joinLink, waitForRung } from "../lab/programs.ts";
import { waitFor } from "../lab/process.ts";
import { addBehindNat, GATE, ROUTER_A } from "../lab/topology.ts";
import { Failure, which } from "../lib/run.ts";
import { Load } from "./load.ts";
import type { BenchMesh } from "./mesh.ts";
import type { BridgeOrder, Relayed } from "./turn_bridge.ts";

/** frank's address in the bare tunnel. */
const BARE = "172.31.253.2";
const PORT = 3490;
const [LOCAL, WIREGUARD] = [51_950, 51_951];
const LOGIN = { username: "bench", password: "bench" };

/** Where a bridge finds the other one's address. */
const PEER = "/run/home/turn_peer.json";

const COTURN = `listening-ip=${GATE}
relay-ip=${GATE}
listening-port=${PORT}
min-port=55000
max-port=55999
realm=bench
lt-cred-mech
user=${LOGIN.username}:${LOGIN.password}
no-tls
no-dtls
no-cli
userdb=/run/home/turndb
pidfile=/run/home/turn.pid
log-file=stdout
`;

/** Nothing passes between frank and alice's router, and nothing to the gate but STUN and TURN. His own ports may lie in that range. */
const TURN_ONLY = `table ip turnonly {
  chain fw {
    type filter hook forward priority -1; policy accept;
    ip daddr ${ROUTER_A} meta l4proto udp drop
    ip saddr ${ROUTER_A} meta l4proto udp drop
    ip daddr ${GATE} udp dport { 3478, 40000-49999 } drop
  }
}
`;

/** A machine that alice reaches by the turn rung alone; runs `iperf3 -s`. Gives its address. */
export async function turnPeer(lab: Lab, { alice }: BenchMesh): Promise<string> {
  const frank = await addBehindNat(lab, "frank", {
    router: "nf",
    address: "203.0.113.6",
    lan: "10.9.5",
    nat: "eim_apdf",
  });
  await lab.host("nf").run(["nft", "-f", "-"], { stdin: TURN_ONLY });
  await joinLink(frank, await createToken(alice)).line(/ is up: /);
  const peer = await waitForRung(alice, "frank", "turn");
  await waitForRung(frank, "alice", "turn");
  frank.spawn("iperf3", ["iperf3", "-s"]);
  return ipv4Of(peer.addresses);
}

async function bridge(host: Host): Promise<Relayed> {
  const order: BridgeOrder = { host: GATE, port: PORT, ...LOGIN, local: LOCAL, wireguard: WIREGUARD, peer: PEER };
  const { address, port } = await Load.start(host, { file: "turn_bridge.ts", order }).told<Relayed>("allocated");
  return { address, port };
}

/** Bare WireGuard between alice and frank through a coturn of its own on the gate's machine. Gives frank's address. */
export async function bareTurn(lab: Lab, { alice, gateHost, kind, mtu }: BenchMesh): Promise<string> {
  const turnserver = await which("turnserver");
  if (!turnserver) throw new Failure("turnserver is missing: apt-get install coturn");
  await gateHost.write("bare_coturn.conf", COTURN);
  const coturn = gateHost.spawn("bare coturn", [turnserver, "-c", "/run/home/bare_coturn.conf"]);
  const frank = lab.host("frank");
  await waitFor("the bare coturn", async () => {
    if (!coturn.running) throw new Failure(coturn.tail());
    return (await gateHost.run(["ss", "-Hlun", `sport = :${PORT}`])).stdout !== "";
  }, { timeout: 10_000 });
  const [a, b] = [await bridge(alice), await bridge(frank)];
  await alice.write(PEER, JSON.stringify(b));
  await frank.write(PEER, JSON.stringify(a));
  const end = (host: Host, address: string) => ({ host, address, endpoint: "127.0.0.1" });
  const ends: Parameters<typeof bareTunnel>[1] = [end(alice, "172.31.253.1"), end(frank, BARE)];
  await bareTunnel(kind, ends, { mtu, iface: "bare1", port: WIREGUARD, to: LOCAL });
  return BARE;
}
