/**
 * The gate's coturn, for real: our client against it over UDP, TCP and TLS, what it lets nobody reach (SECURITY.md, row 15), whom it
 * lets in, and how it comes back. Everything is inside the world's own network, on addresses that only exist there.
 */
import assert from "node:assert/strict";
import { openCertificate } from "../../gate/host/certificate.ts";
import { Coturn, signUsername } from "../../gate/host/turn/coturn.ts";
import { CredentialDesk } from "../../gate/core/turn/credentials.ts";
import type { TurnPlan } from "../../gate/core/turn/config.ts";
import { REMOVE_WALLS } from "../../gate/core/turn/egress.ts";
import type { TransportAddress } from "../../mesh/wire/stun/mod.ts";
import type { TurnCredentials } from "../../link/core/turn/mod.ts";
import { TurnConnection } from "../../link/host/turn_connection.ts";
import { openTurnPipe, type TurnServer } from "../../link/host/turn_pipe.ts";
import { createLog } from "../../mesh/host/log.ts";
import { findTool, systemRunner } from "../../mesh/host/runner.ts";
import { waitFor } from "../../scripts/lab/process.ts";
import { inWorld } from "../../scripts/lab/world.ts";
import { labTest } from "./support.ts";

const GATE = "203.0.113.20";
const PLAN: TurnPlan = {
  listen: [GATE],
  relay: [GATE],
  port: 3480,
  tls: 443,
  ports: { first: 61000, last: 61199 },
  overlay: ["198.51.100.0/24"], // stands for a network whose range is no private one
};
const now = () => Date.now();
const text = (t: string) => new TextEncoder().encode(t);

interface World {
  coturn: Coturn;
  desk: CredentialDesk;
  cert: string;
  nft: string;
  dir: string;
}

async function make(): Promise<World> {
  const ip = await findTool("ip", "apt-get install iproute2");
  // One machine has them all: what coturn sends there would arrive, were it let out.
  for (const address of [GATE, "192.168.7.7", "10.7.7.7", "169.254.169.254", "100.64.7.7", "198.51.100.7"]) {
    await systemRunner.run(ip, ["address", "add", `${address}/32`, "dev", "lo"]);
  }
  const dir = await Deno.makeTempDir();
  const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
  const certificate = await openCertificate(dir, { now, random });
  const secret = "the first secret".replaceAll(" ", "-");
  const tools = {
    turnserver: await findTool("turnserver", "apt-get install coturn"),
    nft: await findTool("nft", "apt-get install nftables"),
    setpriv: await findTool("setpriv", "apt-get install util-linux"),
  };
  const log = createLog("ghostgate");
  const coturn = await Coturn.start({
    plan: PLAN,
    dir: `${dir}/turn`,
    certificate,
    secret,
    tools,
    runner: systemRunner,
    log,
  });
  return {
    coturn,
    desk: new CredentialDesk({ secret, sign: signUsername }),
    cert: certificate.hash,
    nft: tools.nft,
    dir,
  };
}

let made: Promise<World> | undefined;
if (inWorld()) {
  Deno.test.afterAll(async () => {
    await (await made?.catch(() => undefined))?.coturn.close();
  });
}
function test(name: string, body: (w: World) => Promise<void>): void {
  labTest(name, async () => await body(await (made ??= make())));
}

const seconds = () => Math.floor(now() / 1000);
const servers = (w: World): Record<TurnServer["transport"], TurnServer> => ({
  udp: { transport: "udp", host: GATE, port: PLAN.port },
  tcp: { transport: "tcp", host: GATE, port: PLAN.port },
  tls: { transport: "tls", host: GATE, port: PLAN.tls!, cert: w.cert },
});

/** A node at the TURN server. */
class Node {
  readonly connection: TurnConnection;
  relayed: TransportAddress | null = null;
  readonly got: { from: TransportAddress; text: string }[] = [];
  readonly permitted: TransportAddress[] = [];
  readonly denied: { peer: TransportAddress; reason: string }[] = [];
  end: string | null = null;

  constructor(server: TurnServer, credentials: TurnCredentials, family?: 4 | 6) {
    this.connection = new TurnConnection({ server, credentials, now, ...(family === undefined ? {} : { family }) }, {
      allocated: (relayed) => this.relayed = relayed,
      permitted: (peer) => this.permitted.push(peer),
      denied: (peer, reason) => this.denied.push({ peer, reason }),
      packet: (from, bytes) => this.got.push({ from, text: new TextDecoder().decode(bytes) }),
      ended: (reason) => this.end = reason,
    });
  }

  async allocated(): Promise<TransportAddress> {
    await this.connection.start();
    await waitFor("an allocation", () => this.relayed !== null || this.end !== null);
    assert.ok(this.relayed, this.end ?? "");
    return this.relayed;
  }

  /** How the server decides about a peer. */
  async ask(peer: TransportAddress): Promise<"permitted" | "denied"> {
    this.connection.permit(peer);
    const same = (p: TransportAddress) => p.address === peer.address && p.port === peer.port;
    return await waitFor(
      `a word on ${peer.address}`,
      () => this.denied.some((d) => same(d.peer)) ? "denied" : this.permitted.some(same) ? "permitted" : undefined,
    );
  }
}

for (const [a, b] of [["udp", "udp"], ["tcp", "tls"], ["tls", "tls"], ["tls", "udp"]] as const) {
  test(`two nodes over ${a} and ${b} meet relay to relay`, async (w) => {
    const alice = new Node(servers(w)[a], w.desk.issue("alice", seconds()));
    const bob = new Node(servers(w)[b], w.desk.issue("bob", seconds()));
    const [ra, rb] = await Promise.all([alice.allocated(), bob.allocated()]);
    assert.deepEqual(await Promise.all([alice.ask(rb), bob.ask(ra)]), ["permitted", "permitted"]);
    const sizes = [1, 2, 3, 4, 148, 1312, 1452];
    // More than one turn, so that some go by Send indications and the rest over the channel.
    await waitFor("all sizes both ways", () => {
      for (const n of sizes) {
        alice.connection.send(rb, text("a".repeat(n)));
        bob.connection.send(ra, text("b".repeat(n)));
      }
      const whole = (node: Node, c: string, from: TransportAddress) =>
        sizes.every((n) => node.got.some((g) => g.text === c.repeat(n) && g.from.port === from.port));
      return whole(bob, "a", ra) && whole(alice, "b", rb);
    }, { every: 50 });
    alice.connection.close();
    bob.connection.close();
  });
}

test("attack: coturn refuses every forbidden address", async (w) => {
  const mallory = new Node(servers(w).tls, w.desk.issue("mallory", seconds()));
  await mallory.allocated();
  const forbidden = [
    "127.0.0.1",
    "0.0.0.0",
    "10.7.7.7",
    "192.168.7.7",
    "172.16.0.1",
    "169.254.169.254",
    "100.64.7.7",
    "198.51.100.7",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "192.0.0.8",
  ];
  for (const address of forbidden) assert.equal(await mallory.ask({ address, port: 5353 }), "denied", address);
  // The proof that they were refused for what they are: the internet is let through.
  assert.equal(await mallory.ask({ address: "203.0.113.77", port: 5353 }), "permitted");
  mallory.connection.close();
});

test("attack: IPv4 in IPv6 clothes, loopback and unspecified over IPv6 are refused", async (w) => {
  const { rawPermissions } = await import("./testdata/raw_turn.ts");
  const addresses = [
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.7.7.7",
    "::1",
    "::",
    "fe80::1",
    "fd12::1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
  ];
  const credentials = w.desk.issue("mallory", seconds());
  const codes = await rawPermissions({ server: servers(w).udp, credentials, addresses: [...addresses, GATE] });
  assert.equal(codes.pop(), 0, "the relay's own address is permitted");
  addresses.forEach((address, i) => assert.notEqual(codes[i], 0, `${address} was permitted`));
});

test("attack: from a relay port nothing on the gate's own addresses answers but relay ports", async (w) => {
  const peer = { address: GATE, port: 53_000 };
  const service = Deno.listenDatagram({ transport: "udp", hostname: peer.address, port: peer.port });
  let reached = 0;
  void (async () => {
    for await (const _ of service) reached++;
  })();
  const mallory = new Node(servers(w).udp, w.desk.issue("mallory", seconds()));
  await mallory.allocated();
  assert.equal(await mallory.ask(peer), "permitted"); // coturn cannot tell; nft can
  const drops = async () => {
    const { stdout } = await systemRunner.run(w.nft, ["list", "table", "inet", "ghostgate_turn"]);
    return Number(/fib daddr type .* packets (\d+)/.exec(stdout)?.[1] ?? NaN);
  };
  const before = await drops();
  await waitFor("nft to count", async () => {
    mallory.connection.send(peer, text("to the service"));
    return await drops() > before;
  });
  mallory.connection.close();
  assert.equal(reached, 0);
  // Without the table the same packet arrives: it is the table that stops it.
  await systemRunner.run(w.nft, ["-f", "-"], { stdin: REMOVE_WALLS });
  const again = new Node(servers(w).udp, w.desk.issue("mallory", seconds()));
  await again.allocated();
  await again.ask(peer);
  await waitFor("the service to be reached", () => {
    again.connection.send(peer, text("to the service"));
    return reached > 0;
  });
  again.connection.close();
  service.close();
  assert.equal(await w.coturn.ensureWall(), true);
});

/** A socket on a relay port that no allocation of another test still has. */
function relayPort(): Deno.DatagramConn {
  for (let port = PLAN.ports.last; port > PLAN.ports.first; port--) {
    try {
      return Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port });
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("No relay port is free");
}

test("attack: nft alone stops a relay port from reaching forbidden ranges, and nobody else's traffic", async (w) => {
  for (const address of ["127.0.0.1", "10.7.7.7", "192.168.7.7", "169.254.169.254", "100.64.7.7", "198.51.100.7"]) {
    const service = Deno.listenDatagram({ transport: "udp", hostname: address, port: 53_001 });
    const relay = relayPort();
    const other = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: PLAN.ports.last + 1 });
    const to: Deno.NetAddr = { transport: "udp", hostname: address, port: 53_001 };
    await relay.send(text("from a relay port"), to).catch(() => {});
    await other.send(text("from another"), to);
    const [first] = await service.receive();
    assert.equal(new TextDecoder().decode(first), "from another", address);
    for (const socket of [service, relay, other]) socket.close();
  }
  // Without the table the same packet arrives: it is the table that stops it.
  await systemRunner.run(w.nft, ["-f", "-"], { stdin: REMOVE_WALLS });
  const service = Deno.listenDatagram({ transport: "udp", hostname: "10.7.7.7", port: 53_002 });
  const relay = relayPort();
  await relay.send(text("let out"), { transport: "udp", hostname: "10.7.7.7", port: 53_002 });
  assert.equal(new TextDecoder().decode((await service.receive())[0]), "let out");
  service.close();
  relay.close();
  assert.equal(await w.coturn.ensureWall(), true);
  assert.equal(await w.coturn.ensureWall(), false);
});

test("attack: wrong, expired and self-made credentials are refused", async (w) => {
  const good = w.desk.issue("alice", seconds());
  const past = `${seconds() - 10}:alice`;
  const cases: TurnCredentials[] = [
    { ...good, password: "wrong" },
    { username: `${seconds() + 9_999}:alice`, password: good.password },
    { username: past, password: signUsername("the-first-secret", past) },
    { username: "", password: "" },
    { username: "alice", password: signUsername("the-first-secret", "alice") },
  ];
  for (const credentials of cases) {
    const node = new Node(servers(w).tcp, credentials);
    await node.connection.start();
    await waitFor("a refusal", () => node.end !== null);
    assert.equal(node.relayed, null, JSON.stringify(credentials));
    assert.match(node.end!, /says 4\d\d/);
  }
});

test("attack: a TLS server with another certificate than the pinned one is not spoken to", async (w) => {
  const server = { ...servers(w).tls, cert: "A".repeat(43) };
  await assert.rejects(openTurnPipe(server, { message: () => {}, closed: () => {} }), /another certificate/);
  // And the self-made one is nothing to the system's authorities.
  const { cert: _, ...unpinned } = server;
  await assert.rejects(openTurnPipe(unpinned, { message: () => {}, closed: () => {} }), /Cannot reach/);
});

test("attack: a node's allocations are bounded, whatever it asks for", async (w) => {
  const nodes = Array.from({ length: 20 }, () => new Node(servers(w).tcp, w.desk.issue("greedy", seconds())));
  await Promise.all(nodes.map((node) => node.connection.start()));
  await waitFor("all answers", () => nodes.every((node) => node.relayed !== null || node.end !== null));
  assert.equal(nodes.filter((node) => node.relayed !== null).length, 12);
  assert.ok(nodes.some((node) => /486/.test(node.end ?? "")));
  const other = new Node(servers(w).tcp, w.desk.issue("modest", seconds()));
  await other.allocated();
  for (const node of [...nodes, other]) node.connection.close();
});

test("the secret is in no argument list and in no file that others may read", async (w) => {
  const { stdout } = await systemRunner.run("/bin/cat", [`/proc/${w.coturn.pid}/cmdline`]);
  assert.doesNotMatch(stdout, /secret/);
  for (const name of ["turnserver.conf", "key.pem"]) {
    assert.equal((await Deno.stat(`${w.dir}/turn/${name}`)).mode! & 0o777, 0o600, name);
  }
  assert.equal((await Deno.stat(`${w.dir}/turn`)).mode! & 0o777, 0o700);
});

test("coturn killed is started again, clients hear of it at once, and can come back", async (w) => {
  const alice = new Node(servers(w).tls, w.desk.issue("alice", seconds()));
  await alice.allocated();
  const { pid } = w.coturn;
  Deno.kill(pid!, "SIGKILL");
  await waitFor("alice to hear", () => alice.end !== null);
  const again = await waitFor("a new allocation", async () => {
    const node = new Node(servers(w).tls, w.desk.issue("alice", seconds()));
    await node.allocated();
    return node;
  });
  assert.notEqual(w.coturn.pid, pid);
  again.connection.close();
});

test("after a rotation of the secret nothing that was issued before counts", async (w) => {
  const old = w.desk.issue("alice", seconds());
  const alice = new Node(servers(w).tls, old);
  await alice.allocated();
  w.coturn.rotate("the-second-secret");
  w.desk.rotate("the-second-secret");
  await waitFor("alice's allocation to end", () => alice.end !== null);
  await waitFor("the old credentials to be refused", async () => {
    const node = new Node(servers(w).tls, old);
    await node.connection.start();
    await waitFor("an end", () => node.end !== null || node.relayed !== null);
    assert.equal(node.relayed, null);
    return /401/.test(node.end!);
  });
  const fresh = new Node(servers(w).tls, w.desk.issue("alice", seconds()));
  await fresh.allocated();
  fresh.connection.close();
});
