/** One cell of the matrix: two machines with real daemons, each in a network of its kind, and what became of their path. */
import { Lab } from "../lab/lab.ts";
import { Ping } from "../lab/ping.ts";
import {
  createToken,
  initNetwork,
  joinLink,
  peers,
  setupCode,
  startGate,
  startMesh,
  waitForRung,
} from "../lab/programs.ts";
import { waitFor } from "../lab/process.ts";
import { addInternet, addPublic, COORDINATOR, GATE, plug, ruleSet } from "../lab/topology.ts";
import type { Rung } from "../../mesh/wire/local.ts";
import { expected, type Kind } from "./kinds.ts";

/** The gate's second address: an address-dependent mapping shows only where two addresses are asked. */
const SECOND = "203.0.113.21";
/** How long a cell may take to become what theory says, in ms. */
const PATIENCE = { direct: 20_000, guess: 75_000, relay: 8_000 };

export interface CellResult {
  rung: Rung;
  /** Ms from the second daemon's start to the first answered ping, and to its direct path; null for never. */
  firstMs: number | null;
  directMs: number | null;
  /** Packets lost after the first answer. */
  lost: number;
  sent: number;
}

/** Runs one cell in a lab of its own. */
export async function runCell(a: Kind, b: Kind): Promise<CellResult> {
  await using lab = new Lab();
  await addInternet(lab);
  const coordinator = await addPublic(lab, "coordinator", COORDINATOR);
  const gate = await addPublic(lab, "gate", GATE);
  await gate.run(["ip", "address", "add", `${SECOND}/24`, "dev", "eth0"]);
  const alice = await addSide(lab, { name: "alice", router: "na", outer: "203.0.113.2", lan: "10.9.1", kind: a });
  const bob = await addSide(lab, { name: "bob", router: "nb", outer: "203.0.113.3", lan: "10.9.2", kind: b });
  const mesh = await startMesh(coordinator);
  await initNetwork(alice, await setupCode(mesh));
  await startGate(gate, { token: await createToken(alice, "--gate") });
  const token = await createToken(alice, "--uses", "2");
  const first = joinLink(alice, token);
  await first.line(/ is up: /);
  await first.line(a === "udpblock" ? /No session with a gate/ : / Session with a gate/);
  const second = joinLink(bob, token);
  const { at: start, match } = await second.line(/ is up: ([^ ,]+)/);
  const ping = new Ping(alice, match[1]!, 10);
  const direct = async () => {
    const lines = await Promise.all([
      first.line(/^bob: direct/, { timeout: PATIENCE[expected(a, b)] }),
      second.line(/^alice: direct/, { timeout: PATIENCE[expected(a, b)] }),
    ]);
    return Math.max(...lines.map(({ at }) => at)) - start;
  };
  const directMs = await direct().catch(() => null);
  if (directMs !== null) await waitFor("an answer", () => / time=/.test(ping.process.text), { timeout: 5_000 });
  if (directMs === null && expected(a, b) === "relay") {
    await waitForRung(alice, "bob", relayOf(a, b), PATIENCE.relay).catch(() => {});
  }
  const { lost, sent, received, firstMs } = await ping.stop(1_000);
  const rung = (await peers(alice)).find((peer) => peer.name === "bob")?.path.rung ?? "none";
  return {
    rung,
    firstMs: received === 0 ? null : firstMs + ping.started - start,
    directMs,
    lost: received === 0 ? lost.length : lost.filter((seq, i) => seq !== i + 1).length,
    sent,
  };
}

interface Side {
  name: string;
  router: string;
  outer: string;
  /** The network behind the router, such as "10.9.1"; the machine is .2 there. */
  lan: string;
  kind: Kind;
}

async function addSide(lab: Lab, { name, router: routerName, outer, lan, kind }: Side) {
  const router = await lab.addHost(routerName);
  await plug(lab, router, "wan0", outer);
  const host = await lab.addHost(name);
  let inner = { lan, machine: `${lan}.2` };
  if (kind === "double") {
    const home = await lab.addHost(`${routerName}2`);
    inner = { lan: "100.64.9", machine: "100.64.9.2" };
    await lab.connect(home, "wan0", router, "lan1");
    await home.sh("ip address add 100.64.9.2/24 dev wan0; ip route add default via 100.64.9.1");
    await lab.connect(host, "eth0", home, "lan1");
    await home.sh(`ip address add ${lan}.1/24 dev lan1; sysctl -qw net.ipv4.ip_forward=1`);
    for (const rules of ["indrop", "eim_apdf"]) await home.run(["nft", "-f", ruleSet(rules)]);
  } else await lab.connect(host, "eth0", router, "lan1");
  await host.sh(`ip address add ${lan}.2/24 dev eth0; ip route add default via ${lan}.1`);
  await router.sh(`ip address add ${inner.lan}.1/24 dev lan1; sysctl -qw net.ipv4.ip_forward=1`);
  const words = [`outer=${outer}`, `client=${inner.machine}`, `lan=${inner.lan}.0/24`].flatMap((word) => ["-D", word]);
  for (const rules of ["indrop", kind === "double" ? "eim_apdf" : kind]) {
    await router.run(["nft", ...words, "-f", ruleSet(rules)]);
  }
  return host;
}

/** The relay of a pair that has no direct path. */
function relayOf(a: Kind, b: Kind): Rung {
  return a === "udpblock" || b === "udpblock" ? "turn" : "lane";
}

/** Whether a cell became what theory says. */
export function holds(a: Kind, b: Kind, { rung }: CellResult): boolean {
  const want = expected(a, b);
  return want === "relay" ? rung === relayOf(a, b) : rung === "direct";
}
