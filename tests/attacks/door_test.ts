/**
 * Attacks on a coordinator's door, against the real program over TLS: rows 1, 2, 7, 8 and 22 of the list in SECURITY.md. What
 * is asserted is what the attacker got: machines let in, answers with content, a network claimed.
 */
import assert from "node:assert/strict";
import { firstChain, newSigningKey, OPEN_POLICY, random } from "../../mesh/server/testing.ts";
import type { SigningKey } from "../../mesh/trust/keys.ts";
import { makeTokenProof } from "../../mesh/trust/admission/mod.ts";
import { signGateRecord, signNodeRecord } from "../../mesh/trust/record.ts";
import { signEntry } from "../../mesh/trust/ledger.ts";
import { plainGrant } from "../../mesh/trust/testdata/plain.ts";
import { equalBytes, toBase64Url } from "../../mesh/wire/encoding.ts";
import { type Answer, Coordinator, type Network, onNetwork, seconds } from "./coordinator.ts";

const test = onNetwork();

test("row 1: forty parallel joins with a one-use token let exactly one machine in", async (net) => {
  const grant = await net.grant({ uses: 1 });
  const members = await Promise.all(Array.from({ length: 40 }, (_, i) => net.member(`racer${i}`, grant)));
  const before = (await net.records()).length;
  const outcomes = await Promise.allSettled(members.map(async (member) => {
    using client = net.client(member.key);
    await client.publishNode(member.jws);
  }));
  const inside = new Set(await net.records());
  assert.equal(outcomes.filter((o) => o.status === "fulfilled").length, 1);
  assert.equal(inside.size - before, 1);
  assert.equal(members.filter((member) => inside.has(member.jws)).length, 1);
  for (const o of outcomes) if (o.status === "rejected") assert.equal(o.reason.code, "token_used_up");
});

test("row 1: a machine that is in does not use the token up again, and a second one still cannot", async (net) => {
  const grant = await net.grant({ uses: 1 });
  const first = await net.join("only", grant);
  const again = await net.member("only2", grant);
  using client = net.client(again.key);
  await assert.rejects(client.publishNode(again.jws), { code: "token_used_up" });
  assert.ok((await net.records()).includes(first.jws));
});

/** Bytes that count how often they are looked at. */
function watched(bytes: number[]): { bytes: Uint8Array; looks: () => number } {
  let looks = 0;
  const proxy = new Proxy(new Uint8Array(bytes), {
    get(target, key) {
      if (typeof key === "string" && /^\d+$/.test(key)) looks++;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { bytes: proxy, looks: () => looks };
}

Deno.test("row 2: comparing secrets looks at every byte, wherever they differ", () => {
  const secret = new Uint8Array(Array.from({ length: 32 }, (_, i) => i));
  const effort = [0, 15, 31, -1].map((at) => {
    const guess = watched([...secret].map((byte, i) => i === at ? byte ^ 1 : byte));
    assert.equal(equalBytes(guess.bytes, secret), at === -1);
    return guess.looks();
  });
  assert.deepEqual(effort, [32, 32, 32, 32]);
});

Deno.test("row 2: every place that compares a secret does it by equalBytes", async () => {
  for (
    const [file, secret] of [["mesh/store/setup.ts", "digest"], ["link/host/local_api.ts", "authorization"]] as const
  ) {
    const text = await Deno.readTextFile(new URL(`../../${file}`, import.meta.url));
    assert.match(text, new RegExp(`equalBytes\\([^;]*${secret}`), file);
    assert.doesNotMatch(text, new RegExp(`${secret}\\)?\\s*[!=]==|[!=]==\\s*\`?Bearer`), file);
  }
});

const ROLES = ["nobody", "stranger", "grant", "gate grant", "revoked", "node", "gate", "admin"] as const;
type Role = (typeof ROLES)[number];

/** What is asked of every endpoint, and who gets an answer with content. Everybody else gets a refusal. */
const ENDPOINTS: {
  method: string;
  path: string;
  body?: (net: Network, cast: Cast) => Promise<unknown>;
  may: Role[];
}[] = [
  { method: "GET", path: "/healthz", may: [...ROLES] },
  { method: "GET", path: "/v1/server", may: [...ROLES] },
  { method: "POST", path: "/v1/setup", body: setupBody, may: [] },
  { method: "GET", path: "/v1/ledger?from=0", may: ["grant", "gate grant", "node", "gate", "admin"] },
  { method: "POST", path: "/v1/ledger", body: entryBody, may: ["admin"] },
  { method: "GET", path: "/v1/nodes", may: ["node", "admin"] },
  { method: "GET", path: "/v1/gates", may: ["node", "gate", "admin"] },
  // Publishing needs a record by the caller's own key: the body here is always another machine's.
  { method: "POST", path: "/v1/nodes", body: (_, cast) => Promise.resolve({ record: cast.victim }), may: [] },
  { method: "POST", path: "/v1/gates", body: (_, cast) => Promise.resolve({ record: cast.gateRecord }), may: ["gate"] },
  {
    method: "POST",
    path: "/v1/mail",
    body: (_, cast) => Promise.resolve({ to: cast.victimId, box: "AAAA" }),
    may: ["node", "gate"], // a gate answers asks for TURN credentials
  },
  { method: "GET", path: "/v1/policy/draft", may: [] }, // no draft here: an admin is told so, everybody else is refused
];

interface Cast {
  keys: Record<Role, SigningKey | null>;
  victim: string;
  victimId: string;
  gateRecord: string;
}

async function cast(net: Network): Promise<Cast> {
  const [grant, gateGrant] = [await net.grant(), await net.grant({ gate: true })];
  const [victim, node, revoked] = [
    await net.join("victim", grant),
    await net.join("insider", grant),
    await net.join("former", grant),
  ];
  const gate = await newSigningKey();
  const gateRecord = await signGateRecord({
    v: 1,
    net: net.id,
    seq: 1,
    iat: seconds(),
    exp: seconds() + 3600,
    name: "gate",
    region: "",
    hosts: ["192.0.2.1"],
    quic: 3478,
    stun: 3479,
    cert: toBase64Url(random(32)),
    version: "0.1.0",
    proof: await makeTokenProof({ grantKey: gateGrant, net: net.id, sub: gate.public, iat: seconds() }),
  }, gate);
  using client = net.client(gate);
  await client.publishGate(gateRecord);
  await net.append("revoke", { what: "node", key: revoked.key.public });
  const keys = {
    nobody: null,
    stranger: await newSigningKey(),
    grant,
    "gate grant": gateGrant,
    revoked: revoked.key,
    node: node.key,
    gate,
    admin: net.admin,
  };
  return { keys, victim: victim.jws, victimId: victim.id, gateRecord };
}

async function setupBody(net: Network): Promise<unknown> {
  const { entries } = await firstChain(net.admin, { policy: OPEN_POLICY, iat: seconds() });
  return { secret: toBase64Url(net.coordinator.code.secret), entries };
}

/** A grant that would let the caller's own friends in, signed by the caller. */
async function entryBody(net: Network, { keys }: Cast): Promise<unknown> {
  const body = plainGrant((await newSigningKey()).public);
  const admin = keys.stranger!;
  return { entries: [await signEntry({ ledger: net.ledger, admin, kind: "grant", body, iat: seconds() })] };
}

test("row 7: every endpoint times every role: who has no right gets a refusal and nothing else", async (net) => {
  const all = await cast(net);
  const before = { head: net.ledger.head.seq, records: (await net.records()).toSorted() };
  for (const { method, path, body, may } of ENDPOINTS) {
    for (const role of ROLES) {
      const text = body === undefined ? "" : JSON.stringify(await body(net, all));
      const key = all.keys[role];
      const answer: Answer = key === null
        ? await net.coordinator.exchange({ method, path, body: text })
        : await net.proven(key, { method, path, body: text });
      const what = `${method} ${path} as ${role}: ${answer.status} ${answer.body.slice(0, 200)}`;
      if (may.includes(role) && !(path === "/v1/ledger" && method === "POST")) assert.equal(answer.status, 200, what);
      else {
        assert.ok(answer.status >= 400 && answer.status < 500, what);
        assert.doesNotMatch(answer.body, /"records"|"entries"|eyJ/, what);
      }
    }
  }
  using client = net.client(net.admin);
  assert.equal((await client.ledger(0)).head.seq, before.head);
  assert.deepEqual((await net.records()).toSorted(), before.records);
});

test("row 7: a member reads no mail and no stream of another", async (net) => {
  const grant = await net.grant();
  const [from, to, thief] = [
    await net.join("from", grant),
    await net.join("to", grant),
    await net.join("thief", grant),
  ];
  using sender = net.client(from.key);
  using reader = net.client(thief.key);
  const stop = new AbortController();
  const seen: string[] = [];
  await sender.mail(to.id, "c2VjcmV0");
  const reading = (async () => {
    for await (const { event } of reader.sync({ ledgerFrom: 0, signal: stop.signal })) {
      if (event.type === "mail") seen.push(event.box);
      if (event.type === "synced") await sender.mail(thief.id, "bWluZQ");
      if (seen.includes("bWluZQ")) stop.abort();
    }
  })();
  await reading;
  assert.deepEqual(seen, ["bWluZQ"]);
});

test("row 7: a join token mints nothing and re-enrols nobody else's identity", async (net) => {
  const grant = await net.grant({ tags: ["tag:web"], uses: 5 });
  const victim = await net.join("settled", grant);
  // Its holder signs a grant of its own, and an admission for the victim's identity under another name.
  const body = plainGrant((await newSigningKey()).public, { tags: ["tag:admin"] });
  const entry = await signEntry({ ledger: net.ledger, admin: grant, kind: "grant", body, iat: seconds() });
  using client = net.client(grant);
  await assert.rejects(client.append([entry]), { code: "forbidden" });
  const stolen = { ...victim.record, seq: 2, name: "stolen" };
  const byGrant = await signNodeRecord(stolen, grant);
  await assert.rejects(client.publishNode(byGrant), /not_admitted|another identity|address/i);
  assert.ok((await net.records()).includes(victim.jws));
});

test("row 7: a member takes nobody's name, address or WireGuard key", async (net) => {
  const grant = await net.grant();
  const victim = await net.join("owner", grant);
  const thief = await net.join("thief2", grant);
  using client = net.client(thief.key);
  const { name, wg, ipv4, ipv6 } = victim.record;
  for (const change of [{ name }, { wg }, { wgNext: wg }, { ipv4 }, { ipv6 }, { name: victim.id }]) {
    const jws = await signNodeRecord({ ...thief.record, seq: 2, ...change }, thief.key);
    await assert.rejects(client.publishNode(jws), { name: "GhostError" }, JSON.stringify(change));
  }
  // Nor by a record of the victim's that it signed anew.
  await assert.rejects(client.publishNode(await signNodeRecord({ ...victim.record, seq: 2 }, thief.key)));
  assert.ok((await net.records()).includes(victim.jws));
});

test("row 7: one of two admins who have to agree changes no admins alone", async (net) => {
  const [second, evil] = [await newSigningKey(), await newSigningKey()];
  await net.append("admin", { op: "add", key: second.public, name: "ben", quorum: 2 });
  const attempts = [
    { op: "add", key: evil.public, name: "eve", quorum: 2 },
    { op: "add", key: evil.public, name: "eve", quorum: 1 },
    { op: "remove", key: net.admin.public, name: "ann", quorum: 1 },
  ] as const;
  using client = net.client(second);
  for (const body of attempts) {
    for (const approvals of [undefined, [], ["a.b.c"]]) {
      const o = { ledger: net.ledger, admin: second, kind: "admin", body, iat: seconds() } as const;
      const entry = await signEntry(approvals === undefined ? o : { ...o, approvals });
      await assert.rejects(client.append([entry]), { name: "GhostError" });
    }
  }
  assert.equal((await client.ledger(0)).head.seq, net.ledger.head.seq);
});

const PRIVILEGED = [
  "/debug",
  "/debug/pprof",
  "/debug/vars",
  "/v1/debug",
  "/shutdown",
  "/v1/shutdown",
  "/quit",
  "/v1/stop",
  "/restart",
  "/metrics",
  "/admin",
  "/v1/admin",
  "/api/server/shutdown",
  "/.env",
  "/store.kv",
  "/ghostmesh.toml",
  "/v1/keys",
  "/trace",
];

test("row 8: there is no debug or shutdown route, by any method, with or without a member's key", async (net) => {
  const insider = await net.join("curious", await net.grant());
  for (const path of PRIVILEGED) {
    for (const method of ["GET", "POST", "PUT", "DELETE", "TRACE", "OPTIONS"]) {
      const answer = await net.coordinator.exchange({ method, path });
      assert.ok([404, 405, 400, 501].includes(answer.status), `${method} ${path}: ${answer.status}`);
      assert.doesNotMatch(answer.body, /heap|goroutine|seed|eyJ/);
    }
    const answer = await net.proven(insider.key, { method: "POST", path, body: "{}" });
    assert.equal(answer.status, 404, path);
  }
  assert.ok(await net.coordinator.alive());
});

Deno.test({
  name: "row 22: a new coordinator has no admin, and of parallel set-ups exactly one wins; then it is closed",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using coordinator = await Coordinator.start();
    const secret = toBase64Url(coordinator.code.secret);
    const claim = async (code: string) => {
      const admin = await newSigningKey();
      const { ledger, entries } = await firstChain(admin, { policy: OPEN_POLICY, iat: seconds() });
      const body = JSON.stringify({ secret: code, entries });
      const headers = { "content-type": "application/json" };
      return {
        net: ledger.network.id,
        answer: await coordinator.exchange({ method: "POST", path: "/v1/setup", headers, body }),
      };
    };
    // Nobody is admin before, by any default name or none.
    for (const authorization of ["Basic YWRtaW46YWRtaW4=", "Bearer admin", "Setup AAAAAAAAAAAAAAAAAAAAAA", "Setup "]) {
      for (const path of ["/v1/policy/draft", "/v1/nodes", "/v1/ledger?from=0"]) {
        const answer = await coordinator.exchange({ path, headers: { authorization } });
        assert.ok(answer.status >= 400 && answer.status < 500, `${path} ${answer.status}`);
      }
    }
    for (const wrong of ["", "A", toBase64Url(random(16)), secret.slice(0, -2), `${secret}A`, "A".repeat(64)]) {
      assert.ok((await claim(wrong)).answer.status >= 400);
    }
    const races = await Promise.all(Array.from({ length: 12 }, () => claim(secret)));
    const won = races.filter(({ answer }) => answer.status === 200);
    assert.equal(won.length, 1);
    const info = JSON.parse((await coordinator.exchange({ path: "/v1/server" })).body);
    assert.equal(info.network.id, won[0]!.net);
    const late = await claim(secret);
    assert.equal(late.answer.code, "already_claimed");
    assert.doesNotMatch(coordinator.process.text.replace(/ghostctl init .*/, ""), /setup1_/);
  },
});
