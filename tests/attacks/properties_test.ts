/**
 * Any mutation of a valid statement is refused or means the same, and whatever decodes takes anything without falling over.
 * Mutations of single characters are in the unit tests beside ledger, records, proofs and boxes; here are those that go deeper:
 * changed payloads under a stranger's or the right signature, changed byte streams, changed frames.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { GateCore } from "../../gate/core/gate.ts";
import { DEFAULT_ADMIT } from "../../mesh/wire/admit.ts";
import { requestProof, serverInfo, syncEvent } from "../../mesh/wire/api.ts";
import { toBase32, toBase64Url } from "../../mesh/wire/encoding.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import {
  ControlReader,
  encodeControl,
  FRAME_HEADER,
  frameNodeId,
  fromGate,
  type FromNode,
  fromNode,
  nodeIdBytes,
} from "../../mesh/wire/gate_session.ts";
import { LEDGER_TYP, ledgerEntry } from "../../mesh/wire/ledger.ts";
import { NODE_TYP, nodeRecord } from "../../mesh/wire/record.ts";
import { parse } from "../../mesh/wire/schema.ts";
import { parseSignal } from "../../mesh/wire/signal.ts";
import { decodeSetupCode, decodeToken } from "../../mesh/wire/token.ts";
import { signJws, verifyJws } from "../../mesh/trust/jws.ts";
import { verifyNodeRecord } from "../../mesh/trust/record.ts";
import { admin, grantKey, grantOf, network, nodeRecordOf, NOW, second } from "../../mesh/trust/testdata/network.ts";
import { signEntry } from "../../mesh/trust/ledger.ts";
import { payloadOf, spellings } from "./forge.ts";

/** True when it was refused as input is refused; anything else that is thrown is a fault. */
async function refused(run: () => unknown): Promise<boolean> {
  try {
    await run();
    return false;
  } catch (error) {
    assert.ok(error instanceof GhostError, String(error));
    assert.ok(["\n", "\r", "\u001b"].every((c) => !error.line.includes(c)));
    return true;
  }
}

/** A value with one member, anywhere in it, replaced, removed or added. */
function changed(value: unknown): fc.Arbitrary<unknown> {
  const paths: (string | number)[][] = [];
  const walk = (at: unknown, path: (string | number)[]) => {
    if (path.length > 0) paths.push(path);
    if (typeof at !== "object" || at === null) return;
    for (const key of Object.keys(at)) walk((at as Record<string, unknown>)[key], [...path, key]);
    paths.push([...path, "extra"], [...path, "__proto__"]);
  };
  walk(value, []);
  const odd = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>("", 0, -1, 1e21, 2 ** 53, null, true, [], {}, "a".repeat(70_000), "\u0000", "constructor"),
  );
  return fc.tuple(fc.constantFrom(...paths), odd, fc.boolean()).map(([path, by, drop]) => {
    const copy = structuredClone(value) as Record<string, unknown>;
    let at = copy;
    for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
    const last = path.at(-1)!;
    if (drop) delete at[last];
    else Object.defineProperty(at, last, { value: by, enumerable: true, configurable: true, writable: true });
    return copy;
  }).filter((other) => JSON.stringify(other) !== JSON.stringify(value));
}

Deno.test("property: a changed record that its own node signs is refused, or says exactly what was signed", async () => {
  const ledger = await network();
  const { key, record } = await nodeRecordOf(ledger, "alice");
  const context = { ledger, now: NOW, admit: DEFAULT_ADMIT };
  await fc.assert(
    fc.asyncProperty(changed(record), async (other) => {
      const jws = await signJws(other as object, { typ: NODE_TYP, key });
      let node;
      try {
        node = await verifyNodeRecord(jws, context);
      } catch (error) {
        assert.ok(error instanceof GhostError, String(error));
        return;
      }
      assert.deepEqual(node.record, other);
      assert.equal(node.record.ipv6, record.ipv6);
      assert.ok(node.tags.every((tag) => ["tag:web", "tag:db"].includes(tag)));
    }),
    { numRuns: 400 },
  );
});

Deno.test("property: a changed record or entry that anybody else signs is refused", async () => {
  const ledger = await network();
  const { record } = await nodeRecordOf(ledger, "alice");
  const context = { ledger, now: NOW, admit: DEFAULT_ADMIT };
  const entry = payloadOf<object>(await signEntry({ ledger, admin, kind: "grant", body: grantOf(grantKey), iat: NOW }));
  const head = ledger.head;
  await fc.assert(
    fc.asyncProperty(changed(record), changed(entry), async (node, body) => {
      const jws = await signJws(node as object, { typ: NODE_TYP, key: second });
      assert.ok(await refused(() => verifyNodeRecord(jws, context)));
      const text = await signJws(body as object, { typ: LEDGER_TYP, key: second });
      assert.ok(await refused(() => ledger.append(text)));
      assert.deepEqual(ledger.head, head);
    }),
    { numRuns: 200 },
  );
});

Deno.test("property: a changed entry that an admin signs is refused and changes nothing, or is taken as it stands", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...BODIES), fc.infiniteStream(fc.nat()), async ([kind, body], seeds) => {
      const ledger = await network();
      const payload = payloadOf<object>(await signEntry({ ledger, admin, kind, body, iat: NOW } as never));
      const [other] = fc.sample(changed(payload), { numRuns: 1, seed: seeds.next().value! });
      const before = { head: ledger.head, admins: [...ledger.admins.keys()], grants: [...ledger.grants.keys()] };
      const text = await signJws(other as object, { typ: LEDGER_TYP, key: admin });
      if (await refused(() => ledger.append(text))) {
        const after = { head: ledger.head, admins: [...ledger.admins.keys()], grants: [...ledger.grants.keys()] };
        assert.deepEqual(after, before);
      } else {
        assert.equal(ledger.at(ledger.head.seq), text);
        assert.deepEqual(parse(ledgerEntry, other, "entry"), other);
      }
    }),
    { numRuns: 150 },
  );
});

const BODIES = [
  ["grant", grantOf(second)],
  ["policy", { format: "toml", source: '[[allow]]\nfrom = ["*"]\nto = ["*"]\n' }],
  ["route", { op: "add", prefix: "10.1.0.0/16", node: "a".repeat(26), metric: 1, snat: false }],
  ["revoke", { what: "grant", key: grantKey.public }],
  ["admin", { op: "add", key: second.public, name: "ben", quorum: 1 }],
  ["node", { node: "a".repeat(26), name: "nas" }],
] as const;

Deno.test("property: no other spelling of a valid JWS is taken", async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string({ maxLength: 9 }), fc.jsonValue()), async (payload) => {
      const jws = await signJws({ ...payload }, { typ: "test+jwt", key: admin });
      assert.equal((await verifyJws(jws, { typ: "test+jwt" })).key, admin.public);
      for (const other of spellings(jws)) assert.ok(await refused(() => verifyJws(other, { typ: "test+jwt" })), other);
    }),
    { numRuns: 60 },
  );
});

const DECODERS: [string, (value: unknown) => unknown][] = [
  ["signal", parseSignal],
  ["entry", (value) => parse(ledgerEntry, value, "entry")],
  ["record", (value) => parse(nodeRecord, value, "record")],
  ["proof", (value) => parse(requestProof, value, "proof")],
  ["event", (value) => parse(syncEvent, value, "event")],
  ["server", (value) => parse(serverInfo, value, "server")],
  ["from a gate", (value) => parse(fromGate, value, "control")],
  ["from a node", (value) => parse(fromNode, value, "control")],
  ["token", (value) => decodeToken(String(value))],
  ["set-up code", (value) => decodeSetupCode(String(value))],
];

Deno.test("property: every decoder refuses any other value with one line that names the place", async () => {
  const value = fc.oneof(fc.anything({ maxDepth: 4, withBigInt: true, withNullPrototype: true }), fc.jsonValue());
  await fc.assert(
    fc.asyncProperty(value, async (anything) => {
      for (const [name, decode] of DECODERS) {
        if (name.includes("token") || name.includes("code")) {
          if (typeof anything !== "string") continue;
        }
        assert.ok(await refused(() => decode(anything)), name);
      }
    }),
    { numRuns: 300 },
  );
});

const MESSAGES: FromNode[] = [
  { t: "ping", n: 1 },
  { t: "watch", nodes: ["a".repeat(26)] },
  { t: "signal", to: "a".repeat(26), box: "AAAA" },
];

Deno.test("property: a changed control stream is refused, or gives messages that the schema takes", async () => {
  const whole = new Uint8Array(MESSAGES.flatMap((m) => [...encodeControl(m)]));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      async (edits) => {
        const bytes = whole.slice();
        for (const [at, by] of edits) bytes[at] = by;
        const messages: FromNode[] = [];
        await refused(() => messages.push(...new ControlReader(fromNode).push(bytes)));
        for (const message of messages) assert.deepEqual(parse(fromNode, message, "control"), message);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("property: whatever a session sends as a frame reaches a member at most, under the sender's own id", () => {
  const key = (n: number) => toBase64Url(new Uint8Array(32).fill(n));
  const id = (n: number) => toBase32(new Uint8Array(16).fill(n));
  const now = 1_800_000_000_000;
  const time = { now, wall: now };
  const [net, other] = ["a".repeat(32), "b".repeat(32)];
  const core = new GateCore({ key: key(1), cert: key(2), nonce: () => key(3) } as never);
  for (const n of [net, other]) core.handle({ t: "ledger", net: n, head: { seq: 0, hash: key(0) } }, time);
  for (const [conn, n, where] of [[1, 10, net], [2, 11, net], [3, 12, other]] as const) {
    core.handle({ t: "opened", conn, observed: "192.0.2.1:1", source: `192.0.2.${conn}` }, time);
    core.handle({ t: "message", conn, message: { t: "hello", net: where, key: key(n), nonce: key(9) } }, time);
    core.handle({ t: "proved", conn, proof: "a.b.c" }, time);
    const head = { seq: 0, hash: key(0) };
    core.handle({ t: "message", conn, message: { t: "auth", record: "r.r.r", proof: "p.p.p", head } }, time);
    const member = { id: id(n), key: key(n), grant: key(200), expires: now / 1000 + 3600 };
    core.handle({ t: "verified", conn, member }, time);
  }
  const body = fc.uint8Array({ maxLength: 1600 });
  const target = fc.constantFrom(10, 11, 12, 13).map((n) => nodeIdBytes(id(n)));
  const frame = fc.oneof(
    body,
    fc.tuple(fc.nat(5), target, body).map(([type, to, rest]) => new Uint8Array([type, ...to, ...rest])),
  );
  fc.assert(
    fc.property(frame, (bytes) => {
      const to = core.datagram(1, bytes.slice(), now);
      assert.ok(to === undefined || to === 2, "only the other member of the same network");
      const out = core.nextPacket(2);
      assert.equal(out === undefined, to === undefined);
      assert.equal(core.nextPacket(3), undefined);
      if (!out) return;
      assert.equal(frameNodeId(out), id(10));
      assert.deepEqual(out.subarray(FRAME_HEADER), bytes.subarray(FRAME_HEADER));
      assert.equal(out[0], bytes[0]);
    }),
    { numRuns: 1000 },
  );
});
