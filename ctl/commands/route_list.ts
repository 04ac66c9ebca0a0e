/** `ghostctl route list`: from the daemon, which knows what it uses; without one, from the ledger. */
import type { localRoutes } from "../../mesh/wire/local.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { z } from "../../mesh/wire/schema.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { printable, table } from "../output/text.ts";

type DaemonRow = z.infer<typeof localRoutes>["routes"][number];
type Row = Omit<DaemonRow, "active"> & { active: boolean | null };

const LIKE = { routes: [{ prefix: "", lan: "", via: "", node: "", metric: 0, snat: true, active: true, reason: "" }] };

export async function run(call: Call): Promise<void> {
  const routes = await find(call);
  call.out.answer({ routes }, () => human(routes, call.out.colour));
}

async function find(call: Call): Promise<Row[]> {
  if (call.text("network") !== undefined || call.text("config-dir") !== undefined) return await fromLedger(call);
  let nobody: GhostError;
  try {
    return (await askDaemon<{ routes: DaemonRow[] }>(call, { method: "GET", path: "/v1/routes", like: LIKE })).routes;
  } catch (error) {
    if (!(error instanceof GhostError) || error.code !== "unreachable") throw error;
    nobody = error;
  }
  try {
    return await fromLedger(call);
  } catch (error) {
    throw error instanceof GhostError && error.code === "bad_config" ? nobody : error;
  }
}

async function fromLedger(call: Call): Promise<Row[]> {
  const { AdminNetwork, namesOf } = await import("../admin/network.ts");
  const network = await AdminNetwork.open(call);
  const ledger = await network.ledger();
  const nameOf = namesOf((await network.nodes(ledger)).nodes);
  return ledger.routes.map(({ prefix, node, metric, snat, lan }) => ({
    prefix,
    lan: lan ?? null,
    via: nameOf(node),
    node,
    metric,
    snat,
    active: null,
    reason: null,
  }));
}

function human(routes: Row[], colour: boolean): string {
  if (routes.length === 0) return "no routes: ghostctl route add PREFIX via NAME";
  const rows = routes.map((r) => [
    r.lan ? `${r.prefix} (there ${r.lan})` : r.prefix,
    r.via,
    String(r.metric),
    r.snat ? "yes" : "no",
    r.active === null ? null : r.active ? "yes" : `no: ${printable(r.reason ?? "")}`,
    r.node,
  ]);
  return table(["PREFIX", "VIA", "METRIC", "SNAT", "ACTIVE", "NODE"], rows, { colour });
}
