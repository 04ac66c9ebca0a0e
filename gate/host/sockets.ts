/** The gate's two UDP ports. Both are taken before anything else happens, so that a port in use changes nothing. */
import { GhostError } from "../../mesh/wire/errors.ts";
import type { GateConfig } from "./config.ts";
import { STUN_ALTERNATE, stunPortOf } from "./config_ports.ts";

export interface Sockets extends Disposable {
  /** Null with `use_quic = false`. */
  endpoint: Deno.QuicEndpoint | null;
  /** Null when `fallback` does not name stun and nobody needs tickets for QUIC. */
  stun: Deno.DatagramConn | null;
  /** A second port for STUN, by which nodes learn how their NAT behaves; null when the port is taken. */
  stunAlternate: Deno.DatagramConn | null;
  quicPort: number;
  stunPort: number;
  stunAlternatePort: number | null;
}

/**
 * Binds what the configuration asks for; `file` is the name that refusals show.
 * @throws GhostError `port_in_use`, `missing_privilege`, `bad_config`
 */
export function openSockets(config: GateConfig, file: string): Sockets {
  const { hostname, port } = config.listen;
  const wanted = stunPortOf(config);
  const stunned = config.fallback.includes("stun");
  if (!config.use_quic && !stunned && !config.fallback.includes("turn")) {
    throw new GhostError("bad_config", "Neither QUIC nor TURN nor STUN is on, so there is nothing to do", {
      place: `${file} relay`,
      mend: 'set use_quic = true or name "turn" or "stun" in fallback',
    });
  }
  const endpoint = config.use_quic
    ? bind(() => new Deno.QuicEndpoint({ hostname, port }), { hostname, port, place: `${file} relay.listen` })
    : null;
  try {
    const stun = stunned || config.use_quic
      ? bind(() => Deno.listenDatagram({ transport: "udp", hostname, port: wanted }), {
        hostname,
        port: wanted,
        place: `${file} relay.stun`,
      })
      : null;
    const stunAlternate = stun && stunned ? alternateOf(stun.addr as Deno.NetAddr) : null;
    return {
      endpoint,
      stun,
      stunAlternate,
      quicPort: endpoint?.addr.port ?? port,
      stunPort: stun ? (stun.addr as Deno.NetAddr).port : wanted,
      stunAlternatePort: stunAlternate && (stunAlternate.addr as Deno.NetAddr).port,
      [Symbol.dispose]: () => {
        endpoint?.close();
        for (const socket of [stun, stunAlternate]) {
          try {
            socket?.close();
          } catch { /* closed by its server */ }
        }
      },
    };
  } catch (error) {
    endpoint?.close();
    throw error;
  }
}

/** A gate without it serves all the same; nodes then tell less of their NAT. */
function alternateOf({ hostname, port }: Deno.NetAddr): Deno.DatagramConn | null {
  try {
    return Deno.listenDatagram({ transport: "udp", hostname, port: port + STUN_ALTERNATE });
  } catch {
    return null;
  }
}

function bind<T>(open: () => T, o: { hostname: string; port: number; place: string }): T {
  const { place } = o;
  try {
    return open();
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse) {
      const mend = `stop the program that has it (ss -lunp), or set another port`;
      throw new GhostError("port_in_use", `UDP port ${o.port} is in use`, { place, mend, cause });
    }
    if (cause instanceof Deno.errors.AddrNotAvailable) {
      const mend = 'use one that "ip address" shows, or 0.0.0.0';
      throw new GhostError("bad_config", `This machine has no address ${o.hostname}`, { place, mend, cause });
    }
    if (cause instanceof Deno.errors.PermissionDenied) {
      const mend = "take a port from 1024 on, or start as root";
      throw new GhostError("missing_privilege", `UDP port ${o.port} is not allowed to this user`, {
        place,
        mend,
        cause,
      });
    }
    throw cause;
  }
}
