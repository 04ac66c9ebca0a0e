/** Port mappings by NAT-PMP (link/core/portmap/nat_pmp.ts). */
import { encodeAddressRequest, encodeUdpMap, GATEWAY_PORT, LIFETIME, readNatPmp } from "../../core/portmap/mod.ts";
import { askRouter } from "./ask.ts";
import type { Mapper, Way } from "./protocol.ts";

/** Finds a NAT-PMP server. */
export async function findNatPmp(way: Way): Promise<Mapper | null> {
  const ask = (bytes: Uint8Array, port: number | null) =>
    askRouter({
      source: way.source,
      to: [{ at: { address: way.gateway, port: GATEWAY_PORT }, bytes }],
      from: { address: way.gateway, port: GATEWAY_PORT },
      read: (answer) => readNatPmp(answer, port),
    });
  const outer = () => ask(encodeAddressRequest(), null);
  if (await outer() === null) return null;
  return {
    protocol: "nat-pmp",
    async map(suggested) {
      const answer = await ask(
        encodeUdpMap(way.port, { suggested: suggested?.port ?? way.port, lifetime: LIFETIME }),
        way.port,
      );
      const named = await outer(); // it may be another one than before
      if (answer === null || named === null) return { kind: "silent" };
      if (answer.kind === "refused" || named.kind === "refused") {
        return { kind: "refused", why: answer.kind === "refused" ? answer.why : "has no outer address now" };
      }
      if (answer.kind !== "mapped" || named.kind !== "address") return { kind: "silent" };
      const { port, lifetime, epoch } = answer;
      return { kind: "mapped", external: { address: named.address, port }, lifetime, epoch };
    },
    epoch: async () => (await outer())?.epoch ?? null,
    unmap: async () => void await ask(encodeUdpMap(way.port, { suggested: 0, lifetime: 0 }), way.port),
  };
}
