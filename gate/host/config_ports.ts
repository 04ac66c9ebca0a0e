/** Whether the ports of a ghostgate.toml can be had side by side. */
import { GhostError } from "../../mesh/wire/errors.ts";
import type { GateConfig } from "./config.ts";

/** The alternate STUN port stands so far behind the STUN port. */
export const STUN_ALTERNATE = 10;

/** The STUN service's port; 0 takes a free one. */
export function stunPortOf({ stun, listen }: Pick<GateConfig, "stun" | "listen">): number {
  return stun ?? (listen.port === 0 ? 0 : listen.port + 1);
}

/** The TURN service's port, UDP and TCP; null where `listen` leaves it open and `turn` does not say. */
export function turnPortOf({ turn, listen }: Pick<GateConfig, "turn" | "listen">): number | null {
  return turn ?? (listen.port === 0 ? null : listen.port + 2);
}

/**
 * Refuses a port that two services would have.
 * @param path the file's name in refusals
 * @throws GhostError `bad_config`
 */
export function checkPorts(path: string, relay: GateConfig): void {
  const refuse = (key: string, message: string, mend: string) => {
    throw new GhostError("bad_config", message, { place: `${path} relay.${key}`, mend });
  };
  const [stun, turn] = [stunPortOf(relay), turnPortOf(relay)];
  if (stun > 65_535) refuse("listen", "There is no port after 65535 for the STUN service", "set stun to a free port");
  if (stun !== 0 && stun === relay.listen.port) {
    refuse("stun", "The STUN service needs a port of its own", "leave it out to use the port after listen's");
  }
  const single = [relay.listen.port];
  if (relay.fallback.includes("stun")) single.push(stun, stun + STUN_ALTERNATE);
  else if (relay.use_quic) single.push(stun); // for tickets alone
  if (relay.fallback.includes("turn") && turn !== null) {
    if (turn > 65_535) refuse("listen", "There is no port 65536 for the TURN service", "set turn to a free port");
    if (single.includes(turn)) {
      refuse("turn", `Port ${turn} is used for something else`, "set turn to a free port, apart from listen and stun");
    }
    if (turn === relay.turn_tls) refuse("turn_tls", `Port ${turn} is turn's`, "set it to another port, or to 0");
    single.push(turn, relay.turn_tls);
  }
  const { lanes } = relay;
  const turnPorts = relay.fallback.includes("turn") ? relay.turn_ports : null;
  if (lanes && turnPorts && lanes.first <= turnPorts.last && turnPorts.first <= lanes.last) {
    refuse("turn_ports", "Lanes and TURN cannot have the same ports", "keep turn_ports and lanes apart");
  }
  for (const [key, range] of [["lanes", lanes], ["turn_ports", turnPorts]] as const) {
    const inside = range && single.find((port) => port >= range.first && port <= range.last);
    if (inside) refuse(key, `Port ${inside} is used for something else`, "choose a range without it");
  }
}
