/**
 * Meeting a network without a token. What pins it is the network id, which the user types (`HOST#ID` or `--network ID`) and
 * which is the hash of its genesis: a coordinator cannot serve another ledger under it. On a terminal the id may be shown
 * and confirmed instead; a script without it is refused.
 *
 * The coordinator's certificate, when it made that itself, is taken as shown and pinned from then on. It protects what travels
 * from onlookers; nobody is trusted because of it.
 */
import { collectLedger, MeshClient, parseServer, serverText, shownCa } from "../../../mesh/client/mod.ts";
import { issuerSigners } from "../../../mesh/policy/mod.ts";
import type { Ledger } from "../../../mesh/trust/ledger.ts";
import type { SigningKey } from "../../../mesh/trust/keys.ts";
import { MAX_CLOCK_SKEW, type ServerInfo } from "../../../mesh/wire/api.ts";
import type { Bytes } from "../../../mesh/wire/encoding.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import { networkId } from "../../../mesh/wire/schema.ts";

/** A coordinator and the verified ledger that it served. */
export interface Contact {
  server: string;
  ca: string | null;
  info: ServerInfo;
  net: string;
  ledger: Ledger;
  client: MeshClient;
}

/** What the user typed: a server, and the network's id if it was given. */
export function readServer(text: string, network: string | undefined): { server: string; net: string | undefined } {
  const [server = "", id, ...more] = text.split("#");
  if (more.length > 0 || (id !== undefined && network !== undefined && id !== network)) {
    throw new GhostError("bad_input", "More than one network id", { place: "--server" });
  }
  const net = id ?? network;
  if (net !== undefined && !networkId.safeParse(net).success) {
    throw new GhostError("bad_input", `"${net.slice(0, 80)}" is no network id`, {
      place: id === undefined ? "--network" : "--server",
      mend: "an admin finds it with: ghostctl status",
    });
  }
  return { server, net };
}

/**
 * Meets a network.
 * @param o.confirm asks a person whether this is the network that is meant; null where there is no terminal
 * @throws GhostError `bad_input` without an id and a terminal, `wrong_network`, `clock_skew`, `not_claimed`, `unreachable`
 */
export async function meet(o: {
  server: string;
  net: string | undefined;
  method: "oidc" | "mtls";
  key: SigningKey;
  confirm: ((network: { id: string; name: string }) => Promise<boolean>) | null;
  random(n: number): Bytes;
  now(): number;
}): Promise<Contact> {
  const url = parseServer(o.server);
  const mend = "name it as HOST#ID or with --network ID; an admin finds it with: ghostctl status";
  if (o.net === undefined && o.confirm === null) {
    throw new GhostError("bad_input", "Without a token nothing tells which network is meant", {
      place: "--server",
      mend,
    });
  }
  const connect = (net: string, ca: string | null) =>
    new MeshClient({ server: serverText(url), ca, net, key: o.key, now: o.now, random: o.random });
  const { ca, info } = await reach(url, connect);
  const network = checkInfo(info, o.method, o.now());
  if (o.net !== undefined && network.id !== o.net) {
    throw new GhostError("wrong_network", `The server's network is ${network.id}, not ${o.net}`, { place: "--server" });
  }
  if (o.net === undefined && !await o.confirm!(network)) {
    throw new GhostError("wrong_network", "Not the network that was meant", { mend });
  }
  const net = o.net ?? network.id;
  const client = connect(net, ca);
  const ledger = await collectLedger(client, { net, issuerSigners });
  return { server: serverText(url), ca, info, net, ledger, client };
}

async function reach(
  url: URL,
  connect: (net: string, ca: string | null) => MeshClient,
): Promise<{ ca: string | null; info: ServerInfo }> {
  using plain = connect("", null);
  try {
    return { ca: null, info: await plain.info() };
  } catch (error) {
    const cause = error instanceof GhostError && error.code === "unreachable" ? String(error.cause) : "";
    if (url.protocol !== "https:" || !/certificate|UnknownIssuer|NotValidForName/i.test(cause)) throw error;
  }
  const ca = await shownCa(url);
  using pinned = connect("", ca);
  return { ca, info: await pinned.info() };
}

function checkInfo(info: ServerInfo, method: string, now: number): { id: string; name: string } {
  const skew = Math.round(now / 1000 - info.time);
  if (Math.abs(skew) > MAX_CLOCK_SKEW) {
    const which = skew > 0 ? "ahead of" : "behind";
    throw new GhostError("clock_skew", `This machine's clock is ${Math.abs(skew)} s ${which} the coordinator's`, {
      mend: "set the clock (for example: timedatectl set-ntp true) and join again",
    });
  }
  if (!info.network) {
    throw new GhostError("not_claimed", "The coordinator has no network yet", { mend: "run: ghostctl init" });
  }
  if (!info.authMethods.includes(method)) {
    const open = info.authMethods.length > 0 ? info.authMethods.join(", ") : "none without a token";
    throw new GhostError("not_admitted", `Nobody gets in by ${method} here`, {
      place: "--auth",
      mend: `open: ${open}`,
    });
  }
  return info.network;
}
