/** `ghostctl status` */
import type { LocalStatus } from "../../mesh/wire/local.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { milliseconds, pairs, table } from "../output/text.ts";
import { watching } from "../output/watch.ts";

const LIKE = {
  self: { name: "", id: "", addresses: [""], interface: "" },
  network: { id: "", name: "", server: "", connected: true, ledgerSeq: 0 },
  gates: [{ name: "", id: "", region: "", connected: true, rttMs: 0, use: "", draining: true }],
  home: { gate: "", why: "" },
  warnings: [""],
  state: "",
};

export async function run(call: Call): Promise<void> {
  await watching(call, () => show(call));
}

async function show(call: Call): Promise<void> {
  const status = await askDaemon<LocalStatus>(call, { method: "GET", path: "/v1/status", like: LIKE });
  const warnings = [...status.warnings];
  if (await administers(call, status.network.id)) {
    const { draftWarning } = await import("../admin/draft_warning.ts");
    const warning = await draftWarning(call, status.network.id);
    if (warning !== null) warnings.push(warning);
  }
  const { self, network, gates, home, exit = null, state } = status;
  const all = { self, network, gates, home, warnings, exit, state };
  call.out.answer(all, () => human(all, call.out.colour));
}

/** Only the machine that administers the network asks the coordinator anything; elsewhere this costs one look at a file. */
async function administers(call: Call, net: string): Promise<boolean> {
  try {
    const { configDir } = await import("../paths.ts");
    return (await Deno.stat(`${configDir(call)}/${net}.json`)).isFile;
  } catch {
    return false;
  }
}

function human({ self, network, gates, home, warnings, exit, state }: LocalStatus, colour: boolean): string {
  // With the tunnel down there are none to show, and the name is not known.
  const none = state === "down" ? [] : ["", "no gates: ghostctl token create --gate"];
  const found: [string, string][] = state === "down"
    ? []
    : [["home", home.gate === null ? "no gate yet" : `${home.gate}: ${home.why}`]];
  const lines = [
    pairs([
      ["machine", `${self.name} (${self.id})`],
      ["addresses", self.addresses.join(", ")],
      ["interface", self.interface],
      ["network", `${[network.name, `(${network.id})`].join(" ").trim()}, ledger entry ${network.ledgerSeq}`],
      ["coordinator", `${network.server}, ${network.connected ? "connected" : "not connected"}`],
      ...found,
      ...exitRow(exit),
    ]),
    ...gates.length === 0 ? none : [
      "",
      table(
        ["GATE", "REGION", "CONNECTED", "USE", "RTT", "ID"],
        gates.map((g) => [
          g.name,
          g.region,
          g.connected ? "yes" : "no",
          g.draining ? `${g.use}, being emptied` : g.use,
          milliseconds(g.rttMs),
          g.id,
        ]),
        { colour },
      ),
    ],
  ];
  if (warnings.length) lines.push("", ...warnings.map((w) => `warning: ${w}`));
  return lines.join("\n");
}

function exitRow(exit: LocalStatus["exit"]): [string, string][] {
  if (exit === null) return [];
  const now = exit.why === null ? "in use" : `cannot be used now: ${exit.why}`;
  return [["exit node", `${exit.name}, ${now}${exit.killSwitch ? ", with the kill switch" : ""}`]];
}
