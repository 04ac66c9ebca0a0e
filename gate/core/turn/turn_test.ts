import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { renderTurnConfig, type TurnPlan } from "./config.ts";
import { TurnAsks } from "./asks.ts";
import { CREDENTIAL_LIFE, CredentialDesk } from "./credentials.ts";
import { deniedRanges } from "./denied.ts";
import { renderWalls } from "./egress.ts";

const PLAN: TurnPlan = {
  listen: ["203.0.113.20"],
  relay: ["203.0.113.20"],
  port: 3480,
  tls: 443,
  ports: { first: 61000, last: 61999 },
  overlay: ["fd12:3456:789a::/48", "100.64.0.0/10"],
};
const FILES = { dir: "/var/lib/ghostgate/turn", cert: "/c.pem", key: "/k.pem" };

Deno.test("deniedRanges() gives first and last address, the overlay's too and each once", () => {
  const ranges = deniedRanges(PLAN.overlay);
  const of = (prefix: string) => ranges.filter((r) => r.prefix === prefix);
  assert.deepEqual(of("172.16.0.0/12"), [{
    family: 4,
    prefix: "172.16.0.0/12",
    first: "172.16.0.0",
    last: "172.31.255.255",
  }]);
  assert.equal(of("100.64.0.0/10").length, 1);
  assert.equal(of("fd12:3456:789a:0:0:0:0:0/48")[0]?.last, "fd12:3456:789a:ffff:ffff:ffff:ffff:ffff");
  assert.throws(() => deniedRanges(["nonsense"]), /Not a prefix/);
});

Deno.test("renderTurnConfig() denies every range, allows the own relay, and lets no value begin a line", () => {
  const text = renderTurnConfig({ plan: PLAN, files: FILES, secret: "s3cret" });
  const lines = text.split("\n");
  for (const range of deniedRanges(PLAN.overlay)) {
    const first = range.prefix === "0:0:0:0:0:0:0:0/96" ? "0:0:0:0:0:0:0:1" : range.first;
    assert.ok(lines.includes(`denied-peer-ip=${first}-${range.last}`), range.prefix);
  }
  for (const line of ["use-auth-secret", "no-tcp-relay", "no-cli", "allowed-peer-ip=203.0.113.20", "no-dtls"]) {
    assert.ok(lines.includes(line), line);
  }
  assert.throws(() => renderTurnConfig({ plan: PLAN, files: FILES, secret: "x\nno-auth" }), /Cannot be written/);
  const plain = renderTurnConfig({ plan: { ...PLAN, tls: null }, files: FILES, secret: "x" });
  assert.match(plain, /^no-tls$/m);
  assert.doesNotMatch(plain, /pkey/);
});

Deno.test("renderWalls() lets relay ports talk to relay ports before anything is dropped", () => {
  const text = renderWalls(PLAN);
  const at = (part: string) => text.indexOf(part);
  assert.ok(at("ip daddr { 203.0.113.20 } udp dport 61000-61999 accept") > 0);
  assert.ok(at("fib daddr type") > at("udp dport 61000-61999 accept"));
  assert.ok(at("fd12:3456:789a:0:0:0:0:0/48") > 0);
});

Deno.test("CredentialDesk gives a node the same credentials until half their life is over, and none after a rotation", () => {
  const sign = (secret: string, name: string) => createHmac("sha1", secret).update(name).digest("base64");
  const desk = new CredentialDesk({ secret: "one", sign });
  const first = desk.issue("alice", 1_000);
  assert.deepEqual(first, {
    username: `${1_000 + CREDENTIAL_LIFE}:alice`,
    password: sign("one", `${1_000 + CREDENTIAL_LIFE}:alice`),
    expires: 1_000 + CREDENTIAL_LIFE,
  });
  assert.deepEqual(desk.issue("alice", 1_000 + CREDENTIAL_LIFE / 2 - 1), first);
  assert.notDeepEqual(desk.issue("alice", 1_000 + CREDENTIAL_LIFE / 2), first);
  assert.notEqual(desk.issue("bob", 1_000).password, first.password);
  assert.ok(desk.holds("bob", 1_000));
  // A membership that ends sooner ends them, and one that was cut short replaces them.
  assert.equal(desk.issue("carol", 1_000, 1_500).expires, 1_500);
  assert.deepEqual(desk.issue("carol", 1_100, 1_500), desk.issue("carol", 1_400, 1_500));
  assert.equal(desk.issue("alice", 1_001, 2_000).expires, 2_000);
  // coturn takes the earlier ones for as long as they say.
  assert.ok(desk.holds("alice", 3_000));
  assert.equal(desk.until("alice"), 1_000 + CREDENTIAL_LIFE * 1.5);
  assert.ok(!desk.holds("alice", desk.until("alice")));
  desk.rotate("two");
  assert.ok(!desk.holds("bob", 1_000));
  assert.equal(desk.issue("alice", 1_000).password, sign("two", first.username));
});

Deno.test("attack: CredentialDesk counts a node that it has forgotten among those who hold credentials", () => {
  const desk = new CredentialDesk({ secret: "one", sign: () => "" });
  desk.issue("mallory", 0);
  assert.ok(!desk.holds("stranger", 1));
  for (let i = 0; i < 20_000; i++) desk.issue(`m${i}`, 0, 1_000);
  assert.ok(desk.holds("mallory", CREDENTIAL_LIFE - 1));
  assert.ok(!desk.holds("mallory", CREDENTIAL_LIFE));
  desk.rotate("two");
  assert.ok(!desk.holds("mallory", 1));
});

Deno.test("TurnAsks bounds each sender and all together, and takes a node's ask once and in order", () => {
  const asks = new TurnAsks(0);
  const admitted = (sender: string, count: number, now: number) =>
    Array.from({ length: count }, () => asks.admit(sender, now)).filter((fine) => fine).length;
  assert.equal(admitted("mallory", 1_000, 0), 6);
  assert.equal(admitted("alice", 1, 0), 1);
  assert.equal(admitted("mallory", 1_000, 20_000), 2);
  const crowd = Array.from({ length: 5_000 }, (_, i) => asks.admit(`m${i}`, 20_000)).filter((fine) => fine).length;
  assert.ok(crowd <= 200, `${crowd}`);
  assert.equal(asks.take("alice", 1_000_000, 1_000_500), null);
  assert.equal(asks.take("alice", 1_000_000, 1_000_500), "replayed");
  assert.equal(asks.take("alice", 999_999, 1_000_500), "replayed");
  assert.equal(asks.take("bob", 1_000_000, 2_000_000), "clock_skew");
  assert.equal(asks.take("alice", 1_000_001, 1_000_600), null);
});
