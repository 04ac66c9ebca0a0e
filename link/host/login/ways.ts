/** The ways in that need no token, as `ghostlink join --auth WAY` takes them: each checks its own options and enrols. */
import { renderUnicodeCompact } from "uqr";
import { fetchJson } from "../../../mesh/wire/fetch_json.ts";
import { GhostError } from "../../../mesh/wire/errors.ts";
import type { Joined, Machine } from "../join.ts";
import { random } from "../random.ts";
import type { NodeState } from "../state.ts";
import { joinByOidc, type LoginWorld } from "./join.ts";
import { joinByCertificate } from "./mtls.ts";

/** What the command line says. */
export interface JoinFlags {
  server?: string | undefined;
  network?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
  browser?: boolean | undefined;
  name?: string | undefined;
}

/** Asks a person whether this network is the one that is meant; a script has nobody to ask. */
const confirmNetwork = Deno.stdin.isTerminal()
  ? (network: { id: string; name: string }) =>
    Promise.resolve(confirm(`The server's network is "${network.name}", ${network.id}. Is that the one you mean?`))
  : null;

function need(value: string | undefined, place: string, mend: string): string {
  if (value !== undefined) return value;
  throw new GhostError("bad_input", "Missing", { place, mend });
}

/** How a log-in reaches its user: an address to open, and on a terminal its QR code for the telephone at hand. */
export function loginWorld({ browser, print }: { browser: boolean; print(line: string): void }): LoginWorld {
  return {
    browser,
    show(url: string) {
      print(browser ? "Open this in a browser on this machine:" : "Open this in a browser, on any machine:");
      print(url);
      if (!browser && Deno.stdout.isTerminal()) print(renderUnicodeCompact(url, { border: 1 }));
    },
    fetchJson,
    random,
    now: () => Date.now(),
  };
}

/** By the word after `--auth`. The state folder must be locked. */
export const WAYS: Readonly<
  Record<
    "mtls" | "oidc",
    (state: NodeState, o: JoinFlags & { machine: Machine; print(line: string): void }) => Promise<Joined>
  >
> = {
  mtls: (state, o) => {
    const server = need(o.server, "--server", "name the coordinator and its network: --server HOST#ID");
    const cert = need(o.cert, "--cert", "name the certificate's file (PEM, its intermediates after it)");
    const key = need(o.key, "--key", "name the file of the certificate's key (PEM)");
    return joinByCertificate(state, {
      server,
      network: o.network,
      files: { cert, key },
      ...(o.name === undefined ? {} : { name: o.name }),
      machine: o.machine,
      confirm: confirmNetwork,
      random,
      now: () => Date.now(),
    });
  },
  oidc: (state, o) =>
    joinByOidc(state, {
      ...loginWorld({ browser: o.browser ?? false, print: o.print }),
      server: need(o.server, "--server", "name the coordinator and its network: --server HOST#ID"),
      network: o.network,
      ...(o.name === undefined ? {} : { name: o.name }),
      machine: o.machine,
      confirm: confirmNetwork,
    }),
};
