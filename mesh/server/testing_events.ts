/** What tests of streams share: a policy, and how they read events. */
import type { Machine, Received } from "./testing.ts";

/** Under which "nas" sees the machines with tag:web, and they see nobody but it. */
export const POLICY: string = `[tags]
web = []
[[allow]]
from = ["tag:web"]
to = ["nas"]
`;

/** Events as short texts: what they are and whom they concern. */
export function brief(events: (Received | null)[], machines: Machine[]): string[] {
  const nameOf = (id: string) => machines.find((m) => m.id === id)?.name ?? id;
  return events.map((event) => {
    if (event === null) return "end";
    if (event.type === "node" || event.type === "gate") {
      const record = JSON.parse(atob(event.record.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
      return `${event.type} ${record.name}`;
    }
    if (event.type === "node-gone" || event.type === "gate-gone") return `${event.type} ${nameOf(event.id)}`;
    if (event.type === "mail") return `mail ${nameOf(event.from)} ${event.box}`;
    if (event.type === "synced") return event.snapshot ? "snapshot" : "resumed";
    return event.type;
  });
}
