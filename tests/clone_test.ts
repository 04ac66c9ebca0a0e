/** Two daemons with one identity at a real gate: they notice, instead of taking each other's session for ever. */
import assert from "node:assert/strict";
import { openCertificate } from "../gate/host/certificate.ts";
import { LedgerJudge } from "../gate/host/judge.ts";
import { GateServer } from "../gate/host/quic.ts";
import { StunServer } from "../gate/host/stun.ts";
import { hmacSha256 } from "../gate/host/testing_gate.ts";
import { random, TestNetwork, until } from "../gate/host/testing.ts";
import { GateCore } from "../gate/core/gate.ts";
import { Tickets } from "../gate/core/tickets.ts";
import { Gates } from "../link/host/gates.ts";
import { createLog } from "../mesh/host/log.ts";
import { nodeIdOf, signingKeyFromSeed } from "../mesh/trust/keys.ts";
import type { VerifiedGate } from "../mesh/trust/record.ts";
import { toBase64Url } from "../mesh/wire/encoding.ts";

Deno.test("Gates tells that another machine has a copy of its identity, and leaves the gate to it", async () => {
  const dir = await Deno.makeTempDir();
  const network = await TestNetwork.create();
  const key = await signingKeyFromSeed(random(32));
  const certificate = await openCertificate(dir, { now: () => Date.now(), random });
  const core = new GateCore({ key: key.public, cert: certificate.hash, nonce: () => toBase64Url(random(32)) });
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const tickets = new Tickets({ key: random(32), hmac: hmacSha256 });
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port: stunPort } = socket.addr as Deno.NetAddr;
  const stun = new StunServer(socket, { tickets });
  const server = new GateServer({
    endpoint,
    tickets,
    certificate,
    core,
    judge: new LedgerJudge({
      key,
      ledger: network.ledger,
      catchUp: () => Promise.resolve(false),
      exchange: () => Promise.resolve([]),
      take: () => Promise.resolve(),
      now: () => Date.now(),
    }),
    log: createLog("ghostgate", { write: () => {} }),
    now: () => Date.now(),
    clock: () => performance.now(),
  });
  server.handle({ t: "ledger", net: network.id, head: network.ledger.head });
  const node = await network.node("alice", await network.grant());
  const gate = {
    id: await nodeIdOf(key.public),
    key: key.public,
    name: "gate",
    draining: false,
    record: { name: "gate", hosts: ["127.0.0.1"], quic: endpoint.addr.port, stun: stunPort, cert: certificate.hash },
  } as unknown as VerifiedGate;
  const daemon = () => {
    const said: string[] = [];
    const gates = new Gates({
      quic: true,
      turn() {},
      net: network.id,
      key: node.key,
      record: () => node.record,
      head: () => network.ledger.head,
      random,
      now: () => Date.now(),
      selfId: node.id,
      saved: null,
      measure: () => Promise.resolve(),
      ways: ({ record }) => Promise.resolve(record.hosts),
      handlerFailed: (_gate, { error }) => {
        throw error;
      },
      homesOf: () => [],
      home() {},
      met() {},
      tellPeer() {},
      session: (_id, { up, reason }) => void said.push(up ? "up" : `down: ${reason}`),
      signal() {},
      presence() {},
      packet() {},
      headSeen() {},
      ledger() {},
      about() {},
      interrupted() {},
    });
    gates.want([gate]);
    return { gates, said };
  };
  const first = daemon();
  const second = daemon();
  try {
    await until("one of them notices", () => first.gates.cloned || second.gates.cloned);
    const noticed = first.gates.cloned ? first : second;
    assert.equal(noticed.said.filter((line) => /A newer session of this node took its place/.test(line)).length, 3);
    const other = noticed === first ? second : first;
    await until("the other one keeps its session", () => other.gates.connected.length === 1);
  } finally {
    first.gates.close();
    second.gates.close();
    await server.close();
    stun.close();
    await Deno.remove(dir, { recursive: true });
  }
});
