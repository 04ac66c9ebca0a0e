import assert from "node:assert/strict";
import type { VerifiedGate } from "../../mesh/trust/record.ts";
import { stunCrypto } from "./crypto.ts";
import { TicketBook } from "../../mesh/client/mod.ts";
import { probeGates } from "./gate_probe.ts";
import { probeNat } from "./nat_probe.ts";

/** Runs `body` on a machine without IPv6. */
async function withoutIpv6(body: () => Promise<void>): Promise<void> {
  const real = Deno.listenDatagram;
  Deno.listenDatagram = ((o: Deno.UdpListenOptions & { transport: "udp" }) => {
    if (o.hostname === "::") throw new Error("Address family not supported by protocol (os error 97)");
    return real(o);
  }) as typeof Deno.listenDatagram;
  try {
    await body();
  } finally {
    Deno.listenDatagram = real;
  }
}

Deno.test("probeGates() of a machine without IPv6 finds that a gate's IPv6 address does not answer", async () => {
  const gate = { id: "g", record: { hosts: ["2001:db8::1"], stun: 3478 } } as VerifiedGate;
  await withoutIpv6(async () => {
    const told: unknown[] = [];
    await probeGates([gate], {
      known: [],
      crypto: stunCrypto,
      tickets: new TicketBook(),
      measured: (id, rtt) => told.push([id, rtt]),
    });
    assert.deepEqual(told, [["g", null]]);
  });
});

Deno.test("probeNat() of a machine without IPv6 judges that nothing answers over IPv6", async () => {
  const service = { server: { address: "2001:db8::1", port: 3478 }, alternate: 3479, base: "2001:db8::2" };
  await withoutIpv6(async () => {
    assert.deepEqual((await probeNat([service], stunCrypto)).rttMs, [null]);
  });
});
