/** The daemon's port mapping, with all three protocols. */
import { contains } from "../../core/plan/mod.ts";
import type { StunCrypto } from "../../../mesh/wire/stun/mod.ts";
import { utf8 } from "../../../mesh/wire/encoding.ts";
import { findNatPmp } from "./nat_pmp.ts";
import { pcpFinder } from "./pcp.ts";
import { PortMap, type PortMapOptions } from "./port_map.ts";
import { upnpFinder } from "./upnp.ts";

/**
 * @param o.secret what only this machine knows, and still knows after a restart
 * @param o.range IPv4 addresses of the network
 */
export function portMapping(
  o: Omit<PortMapOptions, "finders" | "overlay" | "after"> & { secret: string; range: string; crypto: StunCrypto },
): PortMap {
  const { secret, range, crypto, ...rest } = o;
  const nonce = pcpFinder(({ gateway, source, port }) =>
    crypto.hmacSha256(utf8(secret), utf8(`ghostmesh pcp nonce ${gateway} ${source} ${port}`))
  );
  const anyPort = () => 1024 + new DataView(crypto.random(2).buffer).getUint16(0) % (65536 - 1024);
  return new PortMap({
    ...rest,
    finders: [nonce, findNatPmp, upnpFinder(anyPort)],
    overlay: (address) => contains(range, address),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  });
}
