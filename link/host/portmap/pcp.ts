/** Port mappings by PCP (link/core/portmap/pcp.ts). */
import { encodeAnnounce, encodeMap, GATEWAY_PORT, LIFETIME, NONCE_LENGTH, readAnswer } from "../../core/portmap/mod.ts";
import { askRouter } from "./ask.ts";
import type { Finder, Way } from "./protocol.ts";

/**
 * Finds a PCP server.
 * @param nonceOf 32 bytes that only this machine can make; the same after a restart, or the router would take it for another
 *   program's mapping (RFC 6887 section 11.2) until the one of before has ended
 */
export function pcpFinder(nonceOf: (way: Way) => Uint8Array): Finder {
  return async (way) => {
    const ask = <T>(bytes: Uint8Array, read: (bytes: Uint8Array) => T | null) =>
      askRouter({
        source: way.source,
        to: [{ at: { address: way.gateway, port: GATEWAY_PORT }, bytes }],
        from: { address: way.gateway, port: GATEWAY_PORT },
        read,
      });
    const announce = () => ask(encodeAnnounce(way.source), (bytes) => readAnswer(bytes, null));
    if (await announce() === null) return null;
    const request = { source: way.source, port: way.port, nonce: nonceOf(way).subarray(0, NONCE_LENGTH) };
    const map = (lifetime: number, suggested: Parameters<typeof encodeMap>[1]["suggested"]) =>
      ask(encodeMap(request, { lifetime, suggested }), (bytes) => readAnswer(bytes, request));
    return {
      protocol: "pcp",
      async map(suggested) {
        const answer = await map(LIFETIME, suggested);
        if (answer === null) return { kind: "silent" };
        return answer.kind === "alive" ? { kind: "refused", why: "gives no mapping" } : answer;
      },
      epoch: async () => (await announce())?.epoch ?? null,
      unmap: async (external) => void await map(0, external),
    };
  };
}
