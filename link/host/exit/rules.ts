/**
 * An exit node in use, on this machine: rules and a table of routes by `ip`, reverse-path filters loosened where they are strict
 * (the way back of a packet is judged by rules that do not know its mark). Each run is a diff
 * against what is there, so that what a crash left is finished or taken away by the next one.
 */
import { Forwarding } from "../../../mesh/host/forwarding.ts";
import type { Runner } from "../../../mesh/host/runner.ts";
import { parseJson } from "../../../mesh/wire/encoding.ts";
import { parse, z } from "../../../mesh/wire/schema.ts";
import {
  type DesiredExit,
  exitNumbers,
  exitOrder,
  type ExitRoute,
  type ExitRule,
  type ExitService,
  type ExitState,
  exitState,
  planExit,
  ROUTE_PROTOCOL,
} from "../../core/plan/mod.ts";
import { type LinkTools, MAX_TOOL_OUTPUT, runTool } from "../tools.ts";

const text = z.string().max(256);
const ruleList = z.array(z.object({
  priority: z.int(),
  src: text.optional(),
  dst: text.optional(),
  dstlen: z.int().min(0).max(128).optional(),
  fwmark: text.optional(),
  ipproto: text.optional(),
  sport: z.union([z.int(), text]).optional(),
  dport: z.union([z.int(), text]).optional(),
  table: text.optional(),
  suppress_prefixlen: z.int().optional(),
  protocol: z.union([text, z.int()]).optional(),
})).max(100_000);
const routeList = z.array(z.object({
  type: text.optional(),
  dst: text,
  dev: text.optional(),
  table: text.optional(),
  prefsrc: text.optional(),
  metric: z.int().default(0),
})).max(100_000);

/** What other tunnels of this machine have of exits. */
export interface OtherExits {
  /** Interfaces of those that use one. */
  exits: readonly string[];
  /** UDP ports of their daemons, and whom these talk to. */
  ports: readonly number[];
  services: readonly ExitService[];
}

/** Exit rules of one tunnel. */
export class ExitRules {
  readonly #runner: Runner;
  readonly #tools: Pick<LinkTools, "ip">;
  readonly #iface: string;
  readonly #loose: Forwarding;
  /** There may be something of ours; also of a crash. */
  #there = true;

  /** @param o.file where changed reverse-path filters are written down */
  constructor(o: { runner: Runner; tools: LinkTools; iface: string; file: string }) {
    this.#runner = o.runner;
    this.#tools = o.tools;
    this.#iface = o.iface;
    this.#loose = new Forwarding({ runner: o.runner, tools: o.tools, iface: null, file: o.file });
  }

  /** Puts back reverse-path filters that a crash left. */
  recover(): Promise<void> {
    return this.#loose.recover();
  }

  /**
   * Brings rules and routes in line.
   * @param o.uplinks interfaces that lead out without the exit
   */
  async apply(wanted: DesiredExit | null, o: { uplinks: readonly string[] }): Promise<void> {
    if (wanted === null && !this.#there) return;
    this.#there = true;
    if (wanted?.use) await this.#loose.loosen(o.uplinks);
    else await this.#loose.restore();
    const lines = planExit(this.#iface, exitState(wanted), await this.#observe());
    if (lines.length > 0) await this.#batch(lines);
    if (wanted === null) this.#there = false;
  }

  /** What other tunnels of this machine have of exits; read anew each time. */
  async others(): Promise<OtherExits> {
    const both = await Promise.all((["-4", "-6"] as const).map((flag) => this.#read(flag, ["rule", "show"])));
    const found = both.map((json) => parseOtherExits(json, this.#iface));
    const tables = new Set(found.flatMap(({ tables }) => tables));
    const past = { ports: [...new Set(found.flatMap((f) => f.ports))], services: found.flatMap((f) => f.services) };
    if (tables.size === 0) return { exits: [], ...past };
    const show = ["route", "show", "table", "all", "proto", `${ROUTE_PROTOCOL}`];
    const routes = (await Promise.all((["-4", "-6"] as const).map((flag) => this.#read(flag, show))))
      .flatMap((json) => parse(routeList, json, "ip route"));
    const name = (table: string) =>
      routes.find((r) => r.table === table && r.dst === "default" && r.type !== "unreachable")?.dev ?? "another one";
    return { exits: [...tables].map(name), ...past };
  }

  /** Both families in one list: `ip -batch` takes the family as an option of the line's own. */
  async #batch(lines: readonly string[]): Promise<void> {
    const failures: unknown[] = [];
    for (const flag of ["-4", "-6"]) {
      const own = lines.filter((line) => line.startsWith(flag)).map((line) => `${line.slice(3)}\n`).join("");
      if (own === "") continue;
      // Without the tunnel's device its route fails: what blocks all else stands nevertheless.
      await runTool(this.#runner, [this.#tools.ip, "-force", flag, "-batch", "-"], { stdin: own })
        .catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  async #read(flag: "-4" | "-6", what: string[]): Promise<unknown> {
    const out = await runTool(this.#runner, [this.#tools.ip, flag, "-json", ...what]);
    return out.trim() === "" ? [] : parseJson(out, { place: `ip ${what[0]}`, max: MAX_TOOL_OUTPUT });
  }

  async #observe(): Promise<ExitState> {
    const family = async (flag: "-4" | "-6") => {
      const [rules, routes] = await Promise.all([
        this.#read(flag, ["rule", "show"]),
        this.#read(flag, ["route", "show", "table", "all", "proto", `${ROUTE_PROTOCOL}`]),
      ]);
      return { rules: parseExitRules(rules, this.#iface), routes: parseExitRoutes(routes, this.#iface) };
    };
    return await Promise.all([family("-4"), family("-6")]);
  }
}

/** Reads `ip -json rule show`: the rules of a tunnel's exit, whatever they say. */
export function parseExitRules(json: unknown, iface: string): ExitRule[] {
  const { table } = exitNumbers(iface);
  return ours(json).filter((r) => r.of.table === table).map(({ of, ...r }): ExitRule => ({
    order: of.order,
    ...(r.dst === undefined ? {} : { to: `${r.dst}/${r.dstlen ?? (r.dst.includes(":") ? 128 : 32)}` }),
    ...(r.fwmark === undefined ? {} : { fwmark: Number(r.fwmark) }),
    ...(r.ipproto === "udp" || r.ipproto === "tcp" ? { protocol: r.ipproto } : {}),
    ...(r.sport === undefined ? {} : { sport: Number(r.sport) }),
    ...(r.dport === undefined ? {} : { dport: Number(r.dport) }),
    ...(r.suppress_prefixlen === undefined ? {} : { suppress: r.suppress_prefixlen }),
    exit: r.table === `${table}`,
  }));
}

/** Rules that carry our protocol number, each with the tunnel and order that its priority stands for. */
function ours(json: unknown) {
  return parse(ruleList, json, "ip rule").flatMap((r) => {
    const of = `${r.protocol}` === `${ROUTE_PROTOCOL}` ? exitOrder(r.priority) : null;
    return of ? [{ ...r, of }] : [];
  });
}

/** Reads `ip -json rule show`: tables of other tunnels' exits in use, and what their daemons have let past. */
export function parseOtherExits(
  json: unknown,
  iface: string,
): { tables: string[]; ports: number[]; services: ExitService[] } {
  const { table } = exitNumbers(iface);
  const rules = ours(json).filter((r) => r.of.table !== table);
  return {
    tables: rules.filter((r) => r.of.order === 3).map((r) => `${r.of.table}`),
    ports: rules.flatMap((r) => r.of.order === 1 && r.sport !== undefined ? [Number(r.sport)] : []),
    services: rules.flatMap(({ of, dst, ipproto, dport }): ExitService[] =>
      of.order === 1 && dst !== undefined && dport !== undefined && (ipproto === "tcp" || ipproto === "udp")
        ? [{ address: dst, protocol: ipproto, port: Number(dport) }]
        : []
    ),
  };
}

/** Reads `ip -json route show table all`: the default routes of a tunnel's exit table. */
export function parseExitRoutes(json: unknown, iface: string): ExitRoute[] {
  const { table } = exitNumbers(iface);
  const own = parse(routeList, json, "ip route").filter((r) => r.table === `${table}` && r.dst === "default");
  return own.map(({ type, prefsrc, metric }) =>
    type === "unreachable" ? { kind: "unreachable", metric } : { kind: "tunnel", source: prefsrc ?? null, metric }
  );
}
