/** A network that is joined by log-ins: a real coordinator on https, two real providers, and a browser that does as it is told. */
import assert from "node:assert/strict";
import { joinByOidc, type LoginJoin } from "../../link/host/login/join.ts";
import type { Joined } from "../../link/host/join.ts";
import { NetworkView } from "../../link/host/network_view.ts";
import { NodeState } from "../../link/host/state.ts";
import { makeTestTls } from "../../mesh/client/testing_tls.ts";
import { Clock, World } from "../../mesh/server/testing.ts";
import { IssuerBook } from "../../mesh/trust/admission/mod.ts";
import { Ledger } from "../../mesh/trust/ledger.ts";
import type { Bytes } from "../../mesh/wire/encoding.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { fetchJson } from "../../mesh/wire/fetch_json.ts";
import { logIn, startProvider, type TestProvider } from "./provider.ts";

/** Bytes for keys. */
export const random = (n: number): Bytes => crypto.getRandomValues(new Uint8Array(n));
/** The certificates of the coordinator. */
export const tls = await makeTestTls();

/** A coordinator on https, an identity provider, and a policy that lets its users in. */
export async function network(o: { admit?: string; authMethods?: string[]; browser?: boolean; secret?: string } = {}) {
  let handler: (request: Request) => Response | Promise<Response> = () => new Response(null, { status: 503 });
  const http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, cert: tls.cert, key: tls.key },
    (request) => handler(request),
  );
  const server = `https://127.0.0.1:${http.addr.port}`;
  const client = {
    clients: ["ghostmesh", "second"],
    ...(o.secret === undefined ? {} : { secret: o.secret }),
    ...(o.browser ? {} : { redirects: [`${server}/v1/oidc/callback`] }),
  };
  const provider = await startProvider(client);
  const second = await startProvider(client);
  const clock = new Clock();
  clock.now = () => Date.now() + offset;
  let offset = 0;
  const kv = await Deno.openKv(":memory:");
  const rule = ({ issuer }: TestProvider) =>
    `[[admit]]\nmethod = "oidc"\nissuer = "${issuer}"\nclient_id = "ghostmesh"\n`;
  const policy = (more = "", first = provider) =>
    `[[allow]]\nfrom = ["*"]\nto = ["*"]\n${rule(first)}${o.admit ?? ""}${more}`;
  Object.defineProperty(clock, "ms", { get: () => clock.now() });
  const config = { authMethods: o.authMethods ?? ["oidc"], fetchJson: (url: string) => fetchJson(url) };
  const world = await World.make({ kv, clock, config, policy: policy() });
  handler = (request) => world.app.fetch(request);
  const dirs: string[] = [];
  // The user has told the browser to take the coordinator's own certificate; here it asks the app itself.
  const ask = async (url: string, body?: URLSearchParams): Promise<string> => {
    const response = await world.app.fetch(new Request(url, body ? { method: "POST", body } : {}));
    const next = response.headers.get("location");
    return next === null ? await response.text() : await ask(new URL(next, url).href);
  };
  const pages: string[] = [];
  const net = {
    world,
    provider,
    second,
    server,
    policy,
    rule,
    pages,
    get now() {
      return clock.now();
    },
    skip: (seconds: number) => void (offset += seconds * 1000),
    async state(): Promise<NodeState> {
      dirs.push(await Deno.makeTempDir());
      return new NodeState(dirs.at(-1)!);
    },
    /** Goes where the machine says, logs in, and says yes on the coordinator's page. */
    async visit(url: string, user: string): Promise<void> {
      const redirect = new URL(url).searchParams.get("redirect_uri")!;
      const back = await logIn(url, { user, until: redirect });
      if (!back.startsWith(server)) return void await (await fetch(back)).text().then((text) => pages.push(text));
      pages.push(await ask(back));
      const body = new URLSearchParams(
        [...pages.at(-1)!.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name!, value!]),
      );
      pages.push(await ask(`${server}/v1/oidc/callback`, body));
    },
    async landing(url: string): Promise<string> {
      const state = new URL(url).searchParams.get("state")!;
      return await ask(`${server}/v1/oidc/landing?state=${state}`);
    },
    options(user: string, more: Partial<LoginJoin> = {}): LoginJoin {
      return {
        server: `${server}#${world.net}`,
        network: undefined,
        machine: { hostname: user, os: "linux", version: "0" },
        confirm: null,
        browser: o.browser ?? false,
        show: (url) => {
          net.shown = url;
          net.visiting = net.visit(url, user);
          net.visiting.catch(net.lost.reject);
        },
        fetchJson,
        random,
        now: () => clock.now(),
        ...more,
      };
    },
    shown: "",
    /** A browser that gets stuck ends the join that waits for it. */
    lost: Promise.withResolvers<never>(),
    visiting: Promise.resolve() as Promise<void>,
    async join(user: string, more: Partial<LoginJoin> = {}): Promise<Joined & { state: NodeState }> {
      const state = await net.state();
      const joined = await Promise.race([joinByOidc(state, net.options(user, more)), net.lost.promise]);
      await net.visiting;
      return { ...joined, state };
    },
    /** What a peer with keys of its own fetching makes of all records. */
    async view(self: string, o: { book?: IssuerBook } = {}): Promise<NetworkView> {
      const now = () => Math.floor(clock.now() / 1000);
      const book = o.book ?? new IssuerBook({ fetchJson, now });
      const ledger = await Ledger.open([...world.ledger.entries], { net: world.net });
      const issuerKeys = (issuer: string) => book.keysOf(issuer);
      const view = new NetworkView({ selfId: self, ledger, now, issuerKeys });
      for (const provider of [net.provider, net.second]) await book.refresh(provider.issuer, { missing: true });
      const records = (await (await world.call(world.admin, "/v1/nodes")).json()).records as string[];
      for (const jws of records) await view.node(jws).catch(() => {});
      return view;
    },
    async [Symbol.asyncDispose]() {
      await world.app.close();
      await http.shutdown();
      kv.close();
      await provider[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
      for (const dir of dirs) await Deno.remove(dir, { recursive: true });
    },
  };
  return net;
}

/** Whether an error has this code, and a line that fits. */
export const refusal = (code: string, line: RegExp) => (error: unknown) => {
  assert.ok(error instanceof GhostError, String(error));
  assert.equal(error.code, code, error.line);
  assert.match(error.line, line);
  return true;
};

/** A test in a network of its own. */
export function oidcTest(
  name: string,
  o: Parameters<typeof network>[0],
  body: (net: Awaited<ReturnType<typeof network>>) => Promise<void>,
) {
  // The provider keeps timers of its own.
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using net = await network(o);
      await body(net);
    },
  });
}
