/**
 * GhostMesh's ICE core on a plain socket, for a foreign agent to meet: `ice_ghost.ts MEET PORT STUN PORT ROLE ADDRESS`.
 * Candidates go over TCP to MEET as lines of JSON in the form of RFC 8839 (`ice_meet.ts`). Once a pair is selected it sends
 * `ping N` there and prints what comes back; prints too when consent is lost.
 */
import { type IceAction, IceAgent, type SelectedPair } from "../../../link/core/ice/mod.ts";
import { endpointText, isStun, type TransportAddress } from "../../../mesh/wire/stun/mod.ts";
import { StunBinding } from "../../../link/core/nat/binding.ts";
import { stunCrypto } from "../../../link/host/crypto.ts";
import type { WireCandidate } from "../../../mesh/wire/signal.ts";

type Told = { ufrag: string; pwd: string } | { candidate: string };

const [meet, meetPort, stun, stunPort, role, address] = Deno.args as [string, string, string, string, string, string];
const base = { address, port: 51820 };
const socket = Deno.listenDatagram({ transport: "udp", hostname: address, port: base.port });
const meeting = await Deno.connect({ hostname: meet, port: Number(meetPort) });
const writer = meeting.writable.getWriter();
const servers = address.includes(":") ? [] : [{ address: stun, port: Number(stunPort) }];
const binding = new StunBinding({ base, servers, crypto: stunCrypto });
const agent = new IceAgent({
  role: role === "controlling" ? "controlling" : "controlled",
  tieBreaker: new DataView(stunCrypto.random(8).buffer as ArrayBuffer).getBigUint64(0),
  crypto: stunCrypto,
});
let selected: SelectedPair | null = null;
let pings = 0;

function tell(told: Told): void {
  void writer.write(new TextEncoder().encode(`${JSON.stringify(told)}\n`));
}

function send({ address: hostname, port }: TransportAddress, bytes: Uint8Array): void {
  void socket.send(bytes, { transport: "udp", hostname, port }).catch(() => {});
}

/** RFC 8839 section 5.1. */
function toSdp({ foundation, priority, address, port, type }: WireCandidate): string {
  const related = type === "host" ? "" : ` raddr ${base.address} rport ${base.port}`;
  return `${foundation} 1 udp ${priority} ${address} ${port} typ ${type}${related}`;
}

function fromSdp(line: string): WireCandidate {
  const [foundation, , , priority, address, port, , type] = line.split(" ");
  return { foundation, priority: Number(priority), address, port: Number(port), type } as WireCandidate;
}

function act(actions: IceAction[]): void {
  for (const action of actions) {
    if (action.kind === "send") send(action.to, action.bytes);
    else if (action.kind === "candidate") tell({ candidate: toSdp(action.candidate) });
    else if (action.kind === "selected") {
      selected = action.pair;
      const { role, pairs } = agent.snapshot();
      const remote = endpointText(selected.remote);
      const type = pairs.find((pair) => pair.remote === remote)?.type;
      console.log(`selected ${role} ${endpointText(selected.local)} ${remote} ${type}`);
    } else if (action.kind === "consentLost" || action.kind === "failed") console.log(action.kind);
  }
}

async function listen(): Promise<void> {
  for await (const [bytes, peer] of socket) {
    const { hostname, port } = peer as Deno.NetAddr;
    const from = { address: hostname, port };
    const now = performance.now();
    if (!isStun(bytes)) {
      console.log(`heard ${new TextDecoder().decode(bytes)}`);
      continue;
    }
    for (const action of binding.handle({ kind: "datagram", from, bytes }, now)) {
      if (action.kind !== "mapped") continue;
      act(agent.handle({ kind: "localCandidate", type: "srflx", ...action.mapped, base }, now));
    }
    act(agent.handle({ kind: "datagram", from, to: base, bytes }, now));
  }
}

tell(agent.local);
act(agent.handle({ kind: "localCandidate", type: "host", ...base, base }, performance.now()));
void listen();
setInterval(() => {
  const now = performance.now();
  for (const action of binding.handle({ kind: "tick" }, now)) {
    if (action.kind === "send") send(action.to, action.bytes);
  }
  act(agent.handle({ kind: "tick" }, now));
}, 5);
setInterval(() => {
  if (selected) send(selected.remote, new TextEncoder().encode(`ping ${++pings}`));
}, 100);
let rest = "";
for await (const chunk of meeting.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop()!;
  for (const told of lines.map((line) => JSON.parse(line) as Told)) {
    const now = performance.now();
    if ("ufrag" in told) act(agent.handle({ kind: "remoteCredentials", ...told, reply: true }, now));
    else act(agent.handle({ kind: "remoteCandidate", candidate: fromSdp(told.candidate) }, now));
  }
}
