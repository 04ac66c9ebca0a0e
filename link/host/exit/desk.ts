/**
 * Which exit node this machine uses, and whether it offers itself as one: what `ghostctl exit-node` sets, kept in the state
 * folder, against what policy and records allow just now. An exit that cannot be used lets nothing pass; it is never left
 * behind without a word.
 */
import ipaddr from "ipaddr.js";
import { EXIT_PREFIXES } from "../../../mesh/policy/mod.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import type { LocalExit, LocalExitUse } from "../../../mesh/wire/local_exit.ts";
import type { ExitService } from "../../core/plan/mod.ts";
import type { Machine } from "../machine.ts";
import type { PastExit, WantedExit } from "./machine_exit.ts";
import type { NetworkView } from "../network_view.ts";
import type { OwnRecord } from "../own_record.ts";
import type { ExitChoice, NodeState } from "../state.ts";

/** What the desk looks at. */
export interface ExitDeskOptions {
  state: NodeState;
  view: NetworkView;
  machine: Machine;
  own: OwnRecord;
  /** `[link] exit`: offers itself unless ghostctl said otherwise. */
  offer: boolean;
  services(): ExitService[];
  /** Name servers that are asked about names beyond the network. */
  upstreams(): readonly string[];
  reachable(id: string): boolean;
}

/** Exit nodes, used and offered. */
export class ExitDesk {
  readonly #o: ExitDeskOptions;
  #use: ExitChoice | null = null;
  #offer = false;

  constructor(o: ExitDeskOptions) {
    this.#o = o;
  }

  /** Reads what is set. */
  async load(): Promise<void> {
    const { exit, offer } = await this.#o.state.settings();
    this.#use = exit;
    this.#offer = offer ?? this.#o.offer;
  }

  /** Id of the exit node in use, for the packet filter. */
  get node(): string | undefined {
    return this.#use?.node;
  }

  /** What the own record offers of the internet. */
  get #announced(): string[] {
    return this.#o.own.record.routes.filter((prefix) => EXIT_PREFIXES.includes(prefix));
  }

  /** What of that the network has approved. */
  get #approved(): string[] {
    const { mine } = this.#o.view.rights.routes();
    return this.#announced.filter((prefix) => mine.some((route) => route.prefix === prefix));
  }

  /** What the machine should do. */
  wanted(): WantedExit | null {
    if (!this.#use) return null;
    const { lan, killSwitch } = this.#use;
    const { found } = this.#look(this.#use);
    return {
      node: found?.node ?? null,
      ipv4: found?.ipv4 ?? false,
      ipv6: found?.ipv6 ?? false,
      internet: found ? this.#o.view.rights.beyond() : [],
      lan,
      killSwitch,
    };
  }

  /** What passes an exit, this tunnel's or that of another network on this machine. */
  past(): PastExit {
    return { overlay: this.#o.view.rights.ranges(), services: this.#o.services() };
  }

  #look({ node, name }: ExitChoice) {
    const { view, reachable } = this.#o;
    const found = view.rights.exits().find((exit) => exit.node === node) ?? null;
    const known = view.nodes.get(node);
    const why = found
      ? reachable(node) ? null : `${known?.name ?? name} cannot be reached`
      : !known
      ? `${name} is not among the machines that this one sees`
      : known.verified.record.routes.some((prefix) => EXIT_PREFIXES.includes(prefix))
      ? `policy does not let this machine into the internet through ${known.name}`
      : `${known.name} does not offer itself as an exit node`;
    return { found, why };
  }

  /** The exit node in use, for people; null without one. */
  get use(): LocalExitUse | null {
    return this.#use && this.#told(this.#use);
  }

  /** For ghostctl. */
  state(): LocalExit {
    const { view, reachable } = this.#o;
    const nameOf = (id: string) => view.nodes.get(id)?.name ?? id;
    return {
      use: this.use,
      offer: { on: this.#offer, announced: this.#announced, approved: this.#approved },
      exits: view.rights.exits().map(({ node, ipv4, ipv6 }) => ({
        name: nameOf(node),
        id: node,
        ipv4,
        ipv6,
        online: reachable(node),
      })),
      notes: this.notes(),
    };
  }

  #told(use: ExitChoice): LocalExitUse {
    const { found, why } = this.#look(use);
    return { ...use, ipv4: found?.ipv4 ?? false, ipv6: found?.ipv6 ?? false, why };
  }

  /** What a person should know. */
  notes(): string[] {
    const notes: string[] = [];
    if (this.#use) {
      const { ipv4, ipv6, why, lan, name } = this.#told(this.#use);
      if (why !== null) notes.push(`the exit node cannot be used, so nothing leaves: ${why} (ghostctl exit-node none)`);
      else if (!ipv6) notes.push(`the exit node ${name} has no IPv6: IPv6 is blocked while it is in use`);
      else if (!ipv4) notes.push(`the exit node ${name} has no IPv4: IPv4 is blocked while it is in use`);
      for (const other of this.#o.machine.exit.others) {
        notes.push(
          `another network of this machine (tunnel ${other}) uses an exit node too, and only one of them is taken: ghostctl exit-node none for one`,
        );
      }
      const near = this.#o.upstreams().filter(isPrivate);
      if (near.length > 0) {
        notes.push(
          lan
            ? `names are asked of ${
              near.join(", ")
            } in the LAN, outside of the exit: [dns] upstreams in the policy changes that`
            : `the name servers ${
              near.join(", ")
            } are in the LAN, which the exit does not reach: use --lan, or [dns] upstreams in the policy`,
        );
      }
    }
    if (this.#offer) {
      if (this.#announced.length === 0) {
        notes.push("this machine offers itself as an exit node, but has no way into the internet");
      } else if (this.#approved.length === 0) {
        notes.push(
          `nobody has approved this machine as an exit node: [routes] exit in the policy, or ghostctl exit-node approve ${this.#o.own.record.name}`,
        );
      }
    }
    return notes;
  }

  /**
   * Uses an exit node, or none.
   * @throws GhostError `not_found`, `bad_input`; then nothing has changed
   */
  async choose(o: { node: string; lan: boolean; killSwitch: boolean } | null): Promise<void> {
    const { state, view, machine } = this.#o;
    let exit: ExitChoice | null = null;
    if (o) {
      const known = view.find(o.node);
      if (!known) {
        throw new GhostError("not_found", `No machine "${o.node}"`, { mend: "see: ghostctl exit-node list" });
      }
      if (known.id === view.selfId || this.#offer) {
        const who = known.id === view.selfId
          ? `"${o.node}" is this machine itself`
          : "This machine is an exit node itself";
        throw new GhostError("bad_input", who, { mend: "ghostctl exit-node offer off, or choose another" });
      }
      const [other] = await machine.exit.look();
      if (other !== undefined) {
        throw new GhostError("bad_input", `Another network of this machine (tunnel ${other}) uses an exit node`, {
          mend: "give that one up first: ghostctl exit-node none, with --socket of its daemon",
        });
      }
      const choice = { node: known.id, name: known.name, lan: o.lan, killSwitch: o.killSwitch };
      const { found, why } = this.#look(choice);
      if (!found) {
        throw new GhostError("not_found", `Not an exit node for this machine: ${why}`, {
          mend: 'a rule has to let it: to = ["internet"]; see: ghostctl exit-node list',
        });
      }
      exit = choice;
    }
    await state.changeSettings({ exit });
    this.#use = exit;
  }

  /** Offers this machine as an exit node, or no longer. @throws GhostError `bad_input` while it uses one, or may not */
  async offer(on: boolean): Promise<void> {
    const { state, view } = this.#o;
    if (on && this.#use) {
      throw new GhostError("bad_input", `This machine uses ${this.#use.name} as its exit node`, {
        mend: "first: ghostctl exit-node none",
      });
    }
    // A record with a route that its admission does not allow holds nowhere.
    const prefixes = view.nodes.get(view.selfId)?.verified.admission.prefixes ?? [];
    if (on && prefixes.length > 0) {
      throw new GhostError("bad_input", `This machine came in for routes within ${prefixes.join(", ")} only`, {
        mend: "let it join by a token without prefixes",
      });
    }
    await state.changeSettings({ offer: on });
    this.#offer = on;
  }

  /** Brings the record in line with the ways into the internet that this machine has. @returns true when it is a new one */
  async announce(): Promise<boolean> {
    const { own, machine } = this.#o;
    if (!this.#offer && this.#announced.length === 0) return false;
    const { uplinks } = await machine.ip.networks();
    return await own.changeFrom(({ routes }) => {
      const wanted = this.#offer ? EXIT_PREFIXES.filter((p) => uplinks[p.includes(":") ? 6 : 4].length > 0) : [];
      if (wanted.join() === this.#announced.join()) return null;
      const others = routes.filter((prefix) => !EXIT_PREFIXES.includes(prefix));
      return { routes: [...others, ...wanted] };
    }) !== null;
  }
}

/** Name servers in the LAN; the loopback's own forward elsewhere and are not judged. */
function isPrivate(server: string): boolean {
  return ipaddr.isValid(server) && ["private", "linkLocal", "uniqueLocal"].includes(ipaddr.parse(server).range());
}
