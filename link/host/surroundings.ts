/** Where this machine stands outside of the tunnel: its addresses, how gates' STUN services see it, and what must stay reachable. */
import ipaddr from "ipaddr.js";
import type { IceHub } from "./ice_hub.ts";
import type { Machine } from "./machine.ts";
import type { NetworkView } from "./network_view.ts";

/** Looks around and tells the ICE hub. */
export class Surroundings {
  readonly #o: { hub: IceHub; machine: Machine; view: NetworkView; server: string };
  #last = "";
  /** Addresses of those gates and of the coordinator whose names have been resolved. */
  #resolved: ReadonlySet<string> = new Set();

  /** @param o.server host of the coordinator */
  constructor(o: { hub: IceHub; machine: Machine; view: NetworkView; server: string }) {
    this.#o = o;
  }

  /** Brings the hub's candidates up to date. Returns true when this machine's own addresses are others than before. */
  async refresh(): Promise<boolean> {
    const { hub, machine, view, server } = this.#o;
    const addresses = (await machine.ip.hostAddresses()).map((a) => a.address).filter((a) => !view.isOverlay(a));
    hub.setHost(addresses, machine.wgPort);
    const servers = [];
    const found = new Set(await resolve(server));
    for (const gate of view.gates.values()) {
      for (const address of (await Promise.all(gate.record.hosts.map(resolve))).flat()) {
        found.add(address);
        const base = (await machine.ip.routeTo(address))?.source;
        if (base) servers.push({ server: { address, port: gate.record.stun }, base });
      }
    }
    hub.setServers(servers);
    this.#resolved = found;
    const key = addresses.toSorted().join(" ");
    const moved = this.#last !== "" && key !== this.#last;
    this.#last = key;
    return moved;
  }

  /** Addresses that no route into the tunnel may cover. */
  outside(): string[] {
    return [...new Set([...this.#hosts().filter((host) => ipaddr.isValid(host)), ...this.#resolved])];
  }

  /** Names of gates and the coordinator, which are never resolved by way of the tunnel. */
  names(): string[] {
    return this.#hosts().filter((host) => !ipaddr.isValid(host));
  }

  #hosts(): string[] {
    return [...[...this.#o.view.gates.values()].flatMap((gate) => gate.record.hosts), this.#o.server];
  }
}

/** Addresses of a host name; an address is its own. A name that does not resolve now is asked again at the next change. */
async function resolve(host: string): Promise<string[]> {
  if (ipaddr.isValid(host)) return [host];
  const both = await Promise.allSettled([Deno.resolveDns(host, "A"), Deno.resolveDns(host, "AAAA")]);
  return both.flatMap((answer) => answer.status === "fulfilled" ? answer.value : []);
}
