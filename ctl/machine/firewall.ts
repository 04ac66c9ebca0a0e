/** What the verbs about this machine's firewall ask of the daemon. */
import type { LocalFirewall, LocalFirewallFlow } from "../../mesh/wire/local_firewall.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";

const ROW = { line: 1, direction: "", what: "", text: "", packets: 1, bytes: 1, with: [1] };

/** What is in force. */
export function askFirewall(call: Call): Promise<LocalFirewall> {
  const like = { backend: "", interface: "", entry: 1, since: "", rows: [ROW] };
  return askDaemon<LocalFirewall>(call, { method: "GET", path: "/v1/firewall", like });
}

/** What was dropped and logged lately; null when the back end does not tell. */
export async function askFlows(call: Call): Promise<LocalFirewallFlow[] | null> {
  const request = { method: "GET", path: "/v1/firewall/log", like: {} } as const;
  const { flows } = await askDaemon<{ flows: LocalFirewallFlow[] | null }>(call, request);
  return flows;
}

/** `line 12`, or a dash for what holds without a rule. */
export function placeOf({ line }: { line: number | null }): string | null {
  return line === null ? null : `line ${line}`;
}

/** What a person should know of a back end that neither enforces nor counts. */
export function backendText({ backend, interface: iface, entry }: LocalFirewall): string {
  const policy = entry === null ? "no usable policy, so nothing passes" : `the policy of ledger entry ${entry}`;
  if (backend === "none") {
    return `firewall = "none": ghostlink does not enforce ${policy} on ${iface}; this is what it would do`;
  }
  return `${backend} on ${iface}: ${policy}`;
}
