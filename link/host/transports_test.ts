/** A rung that nobody knows of beforehand: one `Transport`, one entry in the list, and a peer's packets cross it. */
import assert from "node:assert/strict";
import { LOOPBACK, machine, open, portOf } from "./testing_peer.ts";
import type { Carrier, CarrierHost, Transport } from "./transport.ts";

/** The toy: every packet is a datagram to a socket of the other end. */
class Toy implements Transport {
  readonly rung: string;
  readonly rank: number;
  readonly socket = open();
  carried = 0;
  to = 0;
  /** Set: it throws at every timer and signal. */
  broken = false;
  host!: CarrierHost;

  constructor(rung: string, rank: number) {
    this.rung = rung;
    this.rank = rank;
  }

  #break(): void {
    if (this.broken) throw new Error("this toy is broken");
  }

  open(host: CarrierHost): Carrier {
    this.host = host;
    (async () => {
      for await (const [packet] of this.socket) host.received(packet);
    })().catch(() => {});
    return {
      reachChanged: () => {},
      send: (packet) => {
        this.carried++;
        this.socket.send(packet, { ...LOOPBACK, port: this.to }).catch(() => {});
        return true;
      },
      signal: () => this.#break(),
      tick: () => this.#break(),
      nextDeadline: () => this.broken ? 0 : null,
      close: () => this.socket.close(),
    };
  }
}

Deno.test("Peer carries WireGuard's packets over a transport that is one entry in the list, and over the next when it is down", async () => {
  const toys = { a: [new Toy("slow", 7), new Toy("toy", 1)], b: [new Toy("toy", 1), new Toy("slow", 7)] } as const;
  const of = (who: "a" | "b", rung: string) => toys[who].find((toy) => toy.rung === rung)!;
  using a = await machine(["a", "b"], [...toys.a]);
  using b = await machine(["b", "a"], [...toys.b]);
  const up = (rung: string) => {
    of("a", rung).to = portOf(of("b", rung).socket);
    of("b", rung).to = portOf(of("a", rung).socket);
    for (const who of ["a", "b"] as const) of(who, rung).host.up({ endpoint: `${rung} wire`, rttMs: 1 });
  };
  // A packet of WireGuard's (type 4) in each direction, and which rung has carried it.
  const cross = async (n: number) => {
    const packet = Uint8Array.from({ length: 80 }, (_, i) => i === 0 ? 4 : n);
    await a.send(packet);
    assert.deepEqual(await b.receive(), packet);
    await b.send(packet);
    assert.deepEqual(await a.receive(), packet);
  };

  up("slow");
  await cross(1);
  assert.equal(a.peer.state.rung, "slow");
  up("toy");
  await cross(2);
  assert.deepEqual([a.peer.state.rung, a.peer.state.endpoint, b.peer.state.rung], ["toy", "toy wire", "toy"]);
  assert.deepEqual([of("a", "slow").carried, of("a", "toy").carried, of("b", "toy").carried], [1, 1, 1]);
  for (const who of ["a", "b"] as const) of(who, "toy").host.down();
  await cross(3);
  assert.deepEqual([a.peer.state.rung, of("a", "slow").carried, of("a", "toy").carried], ["slow", 2, 1]);
});

Deno.test("Peer outlives a rung that throws: it rests, and the others work on", async () => {
  const [broken, sound] = [new Toy("broken", 1), new Toy("sound", 7)];
  using a = await machine(["a", "b"], [broken, sound]);
  broken.broken = true;
  const before = Date.now();
  a.peer.signal({ t: "turn", gate: null, address: "203.0.113.1", port: 1, key: "A".repeat(43), ask: false }, 1);
  assert.ok(a.peer.nextDeadline()! > before, "it is not due again at once");
  a.peer.tick();
  const other = open();
  sound.to = portOf(other);
  sound.host.up({ endpoint: "wire", rttMs: 1 });
  const packet = Uint8Array.from({ length: 80 }, (_, i) => i === 0 ? 4 : 9);
  await a.send(packet);
  assert.deepEqual((await other.receive())[0], packet);
  other.close();
});

Deno.test("Peer says that it has moved only once the machine is in line", async () => {
  const told: string[] = [];
  let held = Promise.withResolvers<void>();
  const toys = [new Toy("slow", 7), new Toy("toy", 1)] as const;
  using a = await machine(["a", "b"], [...toys], {
    changed: () => held.promise,
    signal: (_to, body) => void (body.t === "moved" && told.push(`moved ${body.rung}`)),
  });
  const [slow, toy] = toys;
  const turn = () => new Promise((r) => setTimeout(r, 1));
  a.peer.event({ kind: "peerOnline" });
  slow.host.up({ endpoint: "slow wire", rttMs: 1 });
  toy.host.up({ endpoint: "toy wire", rttMs: 1 });
  await turn();
  assert.deepEqual(told, []);
  held.resolve();
  await turn();
  assert.deepEqual(told, ["moved toy"]); // nothing of the rung that it has left again

  held = Promise.withResolvers();
  toy.host.down();
  await turn();
  assert.deepEqual(told, ["moved toy"]);
  held.resolve();
  await turn();
  assert.deepEqual(told, ["moved toy", "moved slow"]);
});
