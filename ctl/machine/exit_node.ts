/** What the verbs of `exit-node` ask of the daemon and show. */
import type { LocalExit, LocalExitRequest } from "../../mesh/wire/local_exit.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { Call } from "../call.ts";
import { askDaemon } from "../daemon.ts";
import { printable, table } from "../output/text.ts";

const exit = { name: "", id: "", ipv4: true, ipv6: true, online: true };
/** `use` may be null, so it is no part of the example. */
const LIKE: Omit<LocalExit, "use"> = {
  offer: { on: true, announced: [""], approved: [""] },
  exits: [exit],
  notes: [""],
};

/** Asks the daemon, with a change or without. @throws GhostError as `askDaemon` */
export async function askExit(call: Call, request?: LocalExitRequest): Promise<LocalExit> {
  try {
    return await askDaemon<LocalExit>(call, {
      method: request ? "POST" : "GET",
      path: "/v1/exit",
      ...(request ? { body: request } : {}),
      like: LIKE,
    });
  } catch (error) {
    const none = request && "use" in request && request.use === null;
    throw none && error instanceof GhostError && error.code === "unreachable" ? withoutDaemon(error) : error;
  }
}

/** Whoever wants to be online again while nothing runs that could take the kill switch away is told how. */
function withoutDaemon(error: GhostError): GhostError {
  const nft = "nft delete table inet ghostkill_ghost0, or what its interface is called";
  return new GhostError(error.code, error.message, {
    ...(error.place === undefined ? {} : { place: error.place }),
    mend: `${error.mend}; a kill switch goes without it, until it starts again, by: ${nft}`,
    cause: error,
  });
}

/** Says what is so, and what a person should know. */
export function tellExit(call: Call, state: LocalExit, line: string): void {
  const { notes, ...rest } = state;
  call.out.answer({ ...rest, notes }, () => line);
  for (const note of notes) call.out.remark(note);
}

/** The exit in use, in words. */
export function useLine({ use }: LocalExit): string {
  if (!use) return "no exit node: traffic leaves as before";
  const families = use.ipv4 && use.ipv6 ? "IPv4 and IPv6" : use.ipv4 ? "IPv4" : use.ipv6 ? "IPv6" : "nothing";
  return [
    `${families} leaves through ${use.name}`,
    use.lan ? "the LAN is reached as before" : "the LAN is not reached",
    ...(use.killSwitch ? ["the kill switch holds while ghostlink is stopped, too"] : []),
  ].join("; ");
}

/** All exit nodes as a table. */
export function exitTable({ exits, use, notes }: LocalExit, colour: boolean): string {
  // The daemon knows of none while the tunnel is down, which its notes say.
  if (exits.length === 0 && notes.some((note) => note.startsWith("the tunnel is down"))) {
    return "no exit node is known now";
  }
  if (exits.length === 0) return "no exit node that policy lets this machine use";
  const word = (flag: boolean) => flag ? "yes" : "no";
  const rows = exits.map((e) => [
    printable(e.name),
    word(e.ipv4),
    word(e.ipv6),
    word(e.online),
    word(e.id === use?.node),
  ]);
  return table(["NAME", "IPV4", "IPV6", "ONLINE", "IN USE"], rows, { colour });
}
