/**
 * A member that means ill, at the gate's TURN service and at the coordinator's mailbox: `mallory_turn.ts DIR GATE ORDER`, DIR being
 * the state folder of a machine that has joined. Prints one line of JSON, what it got.
 */
import { MeshClient } from "../../../../mesh/client/mod.ts";
import { nodeIdOf } from "../../../../mesh/trust/keys.ts";
import { makeTurnAsk, openTurnGrant } from "../../../../mesh/trust/turn_mail.ts";
import { readNodeRecord, verifyGateRecord } from "../../../../mesh/trust/record.ts";
import { openKept } from "../../../../mesh/trust/kept_ledger.ts";
import type { TurnGrant } from "../../../../mesh/wire/turn.ts";
import { AdmitRules, issuerSigners } from "../../../../mesh/policy/mod.ts";
import { NodeState } from "../../../../link/host/state.ts";
import type { TurnServer } from "../../../../link/host/turn_pipe.ts";
import { rawPermissions } from "../../../lab/testdata/raw_turn.ts";

const [dir, host, order] = [Deno.args[0]!, Deno.args[1]!, Deno.args[2]!];
const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
const now = () => Date.now();
const state = new NodeState(dir);
const [identity, network] = [(await state.identity())!, (await state.network())!];
const id = await nodeIdOf(identity.identity.public);
const ledger = await openKept(state.ledger, { net: network.net, issuerSigners });
const { server, ca, net } = network;
const mesh = new MeshClient({ server, ca, net, key: identity.identity, now, random });
const seconds = Math.floor(now() / 1000);
const gates = await Promise.all(
  (await mesh.gates()).map((jws) =>
    verifyGateRecord(jws, { ledger, now: seconds, admit: new AdmitRules().of(ledger.policy) })
  ),
);
const gate = gates.find(({ record }) => record.turn)!;
const turn: TurnServer = { transport: "udp", host, port: gate.record.turn!.port };

const seen = new Set<string>();
const asked = new Set<number>();

/**
 * Asks with these boxes, which all have to be taken, and gives the grants that come back within `patience` ms. What is sealed for
 * somebody else throws: it is an answer that we must not get.
 */
async function ask(boxes: string[], patience: number): Promise<TurnGrant[]> {
  const got: TurnGrant[] = [];
  const stop = AbortSignal.timeout(patience);
  try {
    for await (const { event } of mesh.sync({ cursor: undefined, ledgerFrom: ledger.head.seq + 1, signal: stop })) {
      if (event.type === "synced") { for (const box of boxes) await mesh.mail(gate.id, box); }
      if (event.type !== "mail" || event.from !== gate.id || seen.has(event.box)) continue;
      seen.add(event.box); // a new stream brings what came in the last minute again
      const grant = await openTurnGrant(event.box, { net, self: { id, key: identity.seal }, gate });
      if (!asked.has(grant.at)) continue;
      got.push(grant);
      if (boxes.length === 1) break;
    }
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  return got;
}

function own(at: number, record = network.record, to = gate.id): Promise<string> {
  asked.add(at);
  return makeTurnAsk({ ask: { v: 1, net, gate: to, at }, record, key: identity.identity });
}

async function udp(
  bytes: Uint8Array<ArrayBuffer>,
  times: number,
  wait: number,
): Promise<{ sent: number; got: number; answers: number }> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 });
  let [got, answers] = [0, 0];
  void (async () => {
    try {
      for await (const [answer] of socket) {
        got += answer.length;
        answers++;
      }
    } catch { /* closed */ }
  })();
  for (let i = 0; i < times; i++) {
    bytes.set(random(12), 8);
    await socket.send(bytes.slice(), { transport: "udp", hostname: host, port: turn.port });
  }
  await new Promise((resolve) => setTimeout(resolve, wait));
  socket.close();
  return { sent: times * bytes.length, got, answers };
}

/** A STUN request of this method, `length` bytes long, without credentials. */
function request(method: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, method);
  view.setUint16(2, length - 20);
  view.setUint32(4, 0x2112a442);
  if (length > 28) {
    view.setUint32(20, 0x00190004); // REQUESTED-TRANSPORT: UDP
    view.setUint32(24, 17 << 24);
    view.setUint16(28, 0x8022); // SOFTWARE fills it up
    view.setUint16(30, length - 32);
  }
  return bytes;
}

const orders: Record<string, () => Promise<unknown>> = {
  async permissions() {
    const [credentials] = await ask([await own(now())], 8_000);
    if (!credentials) return null;
    const addresses = Deno.args.slice(3);
    const codes = await rawPermissions({ server: turn, credentials, addresses });
    return Object.fromEntries(addresses.map((address, i) => [address, codes[i]]));
  },
  async asks() {
    const first = await own(now());
    return {
      own: (await ask([first], 6_000)).length,
      replayed: (await ask([first, first, "nonsense"], 2_500)).length,
    };
  },
  /** The honest ask behind them says that the gate has looked at all of them. */
  async forge() {
    const other = Deno.args[3]!;
    const foreign = (await mesh.nodes()).find((jws) => payload(jws).name === other)!;
    await readNodeRecord(foreign);
    const at = now();
    const forged = [await own(at, foreign), await own(at + 1, undefined, id), "x~y"];
    const granted = await ask([...forged, await own(at + 2)], 6_000);
    return granted.map((grant) => grant.at - at);
  },
  async flood() {
    const refused = new Set<unknown>();
    let taken = 0;
    for (let i = 0; i < 200; i++) {
      await mesh.mail(gate.id, await own(now() + i)).then(() => taken++, ({ code }) => refused.add(code));
    }
    return { taken, refused: [...refused] };
  },
  async amplify() {
    return {
      binding: await udp(request(1, 20), 20, 500),
      short: await udp(request(3, 36), 20, 500),
      classic: await udp(new Uint8Array(64), 20, 500),
      filled: await udp(request(3, 128), 20, 500),
      flood: await udp(request(3, 128), 5_000, 1_000),
    };
  },
};

const payload = (jws: string) => JSON.parse(atob(jws.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));

console.log(JSON.stringify(await orders[order]!()));
mesh.close();
Deno.exit(0);
