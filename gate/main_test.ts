/** The program itself, as a subprocess, beside a stand-in for the coordinator that stores what it is given and checks nothing. */
import assert from "node:assert/strict";
import { DEFAULT_ADMIT } from "../mesh/wire/admit.ts";
import { verifyGateRecord } from "../mesh/trust/record.ts";
import { GhostError } from "../mesh/wire/errors.ts";
import { CLOSE } from "./core/event.ts";
import { random, seconds, TestClient, TestNetwork, until } from "./host/testing.ts";
import { Coordinator, Folder, Program, publishedGate } from "./host/testing_program.ts";

Deno.test("ghostgate without a network answers STUN, refuses sessions and tells how to admit it", async () => {
  await using folder = new Folder();
  await using program = new Program(folder.args, folder.dir);
  const [, port] = await program.line(/in no network yet.*ghostctl token create --gate.* udp=127\.0\.0\.1:(\d+)/);
  const [, stun] = await program.line(/answering STUN udp=127\.0\.0\.1:(\d+)/);
  const own = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  try {
    const request = Uint8Array.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...random(12)]);
    await own.send(request, { transport: "udp", hostname: "127.0.0.1", port: Number(stun) });
    const [answer] = await own.receive();
    assert.deepEqual([...answer.subarray(0, 4)], [1, 1, 0, 12]);
  } finally {
    own.close();
  }
  const stored = JSON.parse(await Deno.readTextFile(`${folder.dir}/state/certificate.json`));
  const der = Uint8Array.from(atob(stored.cert.replace(/-----[^-]*-----|\s/g, "")), (c) => c.charCodeAt(0));
  const cert = new Uint8Array(await crypto.subtle.digest("SHA-256", der)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
  const network = await TestNetwork.create();
  const client = await TestClient.connect({ port: Number(port), stun: Number(stun), key: "", cert });
  await client.send({ t: "hello", net: network.id, key: network.admin.public, nonce: network.admin.public });
  assert.equal((await until("refusal", () => client.of("refused")[0])).code, "not_claimed");
  await client.close();
  assert.equal(await program.stop(), 0);
});

Deno.test("ghostgate joins by a token, serves, follows the ledger, and comes back without coordinator and token", async () => {
  const network = await TestNetwork.create();
  await using coordinator = new Coordinator(network);
  const [gates, nodes] = [await network.grant({ gate: true }), await network.grant()];
  await using folder = new Folder();
  let client: TestClient;
  const node = await network.node("a", nodes);
  {
    await using program = new Program([...folder.args, ...folder.auth(coordinator.token(gates))], folder.dir);
    await program.line(/in step with the coordinator/);
    const gate = await publishedGate(coordinator);
    client = await TestClient.join(gate, node);
    assert(client.welcome);
    // A grant that comes later, and a revocation, reach the gate by themselves.
    const late = await network.node("b", await network.grant());
    const second = await TestClient.join(gate, late);
    assert(second.welcome, "the gate asks for a grant that it does not know");
    await coordinator.append("revoke", { what: "node", key: late.key.public });
    assert.equal((await until("the cut", () => second.closed)).code, CLOSE.cut);
    await second.close();
    assert.equal(client.closed, null);
    assert.equal(await program.stop(), 0);
    assert.equal((await until("the farewell", () => client.closed)).code, CLOSE.shutdown);
    await client.close();
  }
  assert.equal(coordinator.records.length, 1);
  await coordinator.stop();
  {
    await using program = new Program(folder.args, folder.dir);
    const [, port] = await program.line(/ready for sessions .* udp=127\.0\.0\.1:(\d+)/);
    await program.line(/the coordinator is away/);
    const [, stun] = await program.line(/answering STUN udp=127\.0\.0\.1:(\d+)/);
    const moved = { ...await publishedGate(coordinator), port: Number(port), stun: Number(stun) };
    client = await TestClient.join(moved, node);
    assert(client.welcome);
    await client.close();
    // The port is a new one, so the record is too, as soon as somebody takes it.
    coordinator.start();
    await program.line(/record published/);
    const before = await verifyGateRecord(coordinator.records[0]!, {
      ledger: network.ledger,
      now: seconds(),
      admit: DEFAULT_ADMIT,
    });
    const after = await verifyGateRecord(coordinator.records[1]!, {
      ledger: network.ledger,
      now: seconds(),
      admit: DEFAULT_ADMIT,
    });
    assert(after.record.seq > before.record.seq);
    assert.deepEqual([after.record.quic, after.record.cert, after.id], [Number(port), before.record.cert, before.id]);
  }
  // The same token again changes nothing, also with the coordinator away.
  await coordinator.stop();
  await using program = new Program([...folder.args, ...folder.auth(coordinator.token(gates))], folder.dir);
  await program.line(/ready for sessions/);
  coordinator.start();
});

Deno.test("ghostgate cuts who falls with a revoked grant, and keeps the session of who stays", async () => {
  const network = await TestNetwork.create();
  await using coordinator = new Coordinator(network);
  const [gates, nodes] = [await network.grant({ gate: true }), await network.grant()];
  await using folder = new Folder();
  await using program = new Program([...folder.args, ...folder.auth(coordinator.token(gates))], folder.dir);
  await program.line(/in step with the coordinator/);
  const gate = await publishedGate(coordinator);
  const [stays, falls] = [await network.node("stays", nodes), await network.node("falls", nodes)];
  const clients = [await TestClient.join(gate, stays), await TestClient.join(gate, falls)];
  await coordinator.append("node", { node: stays.id });
  await coordinator.append("revoke", { what: "grant", key: nodes.public });
  assert.equal((await until("the cut", () => clients[1]!.closed)).code, CLOSE.cut);
  await clients[0]!.send({ t: "ping", n: 7 });
  await until("an answer after all checks", () => clients[0]!.of("pong").some(({ n }) => n === 7));
  assert.equal(clients[0]!.closed, null);
  for (const client of clients) await client.close();
});

Deno.test("ghostgate refuses in one line that names place and mend, and exits with 1", async () => {
  const network = await TestNetwork.create();
  const other = await TestNetwork.create();
  await using coordinator = new Coordinator(network);
  const gates = await network.grant({ gate: true });
  const old = await network.grant({ gate: true, expires: seconds() - 10 });
  const busy = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const taken = (busy.addr as Deno.NetAddr).port;
  const plain = `listen = "127.0.0.1:0"`;
  const good = coordinator.token(gates);
  const refused = (code: ConstructorParameters<typeof GhostError>[0], message: string) =>
    new GhostError(code, message, { mend: "do this" });
  try {
    for (
      const [what, relay, auth, pattern, refusal] of [
        ["config", `liste = 1`, null, /ghostgate\.toml:4:1 relay\.liste: Unknown key; did you mean "listen"\?/],
        [
          "port",
          `listen = "127.0.0.1:${taken}"\nlanes = ""`,
          null,
          new RegExp(`relay\\.listen: UDP port ${taken} is in use; stop`),
        ],
        ["cut token", plain, good.slice(0, -9), /--auth: The join token is malformed or cut short; make a new one/],
        [
          "node's token",
          plain,
          coordinator.token(await network.grant()),
          /--auth: The token admits nodes, not gates; make/,
        ],
        ["expired token", plain, coordinator.token(old), /--auth: The token expired at \S+; make/],
        [
          "unknown grant",
          plain,
          coordinator.token(network.admin),
          /--auth: The token's grant is not in this network's/,
        ],
        ["wrong network", plain, coordinator.token(gates, { net: other.id }), /Expected network \w+, found \w+/],
        ["rollback", plain, coordinator.token(gates, { head: { ...network.ledger.head, seq: 99 } }), /older ledger/],
        ["other ledger", plain, coordinator.token(gates, { head: { ...other.ledger.head, seq: 1 } }), /another ledger/],
        ["used up", plain, good, /used up; do this/, refused("token_used_up", "The token is used up")],
        ["wrong clock", plain, good, /400 s behind; do this/, refused("clock_skew", "This clock is 400 s behind")],
        ["nobody there", plain, coordinator.token(gates, { server: "http://127.0.0.1:9" }), /127\.0\.0\.1:9/],
      ] as const
    ) {
      await using folder = new Folder(relay);
      coordinator.refusal = refusal ?? null;
      await using program = new Program([...folder.args, ...(auth ? folder.auth(auth) : [])], folder.dir);
      assert.equal(await program.end(), 1, `${what}: ${program.log}`);
      const lines = program.log.split("\n").filter((line) => line.startsWith("ghostgate: "));
      assert.equal(lines.length, 1, `${what}: ${program.log}`);
      assert.match(lines[0]!, pattern, what);
      if (auth) assert(!program.log.includes(auth.slice(10, 60)), "no token in the log");
      const network = await Deno.stat(`${folder.dir}/state/network.json`).catch(() => null);
      assert.equal(network, null, what);
    }
    assert.equal(coordinator.records.length, 0);
  } finally {
    busy.close();
  }
});

Deno.test("ghostgate with use_quic = false says what is left, and joins without sessions", async () => {
  const network = await TestNetwork.create();
  const gates = await network.grant({ gate: true });
  await using coordinator = new Coordinator(network);
  await using folder = new Folder(`listen = "127.0.0.1:0"\nuse_quic = false\nmetrics = "127.0.0.1:0"`);
  await using program = new Program([...folder.args, ...folder.auth(coordinator.token(gates))], folder.dir);
  await program.line(/answering STUN/);
  await program.line(/use_quic = false: .* what is left is TURN and STUN/);
  await program.line(/no TURN rung here; .*only this machine reaches this gate/);
  await program.line(/record published|in step with the coordinator/);
  const { record } = await verifyGateRecord(coordinator.records.at(-1)!, {
    ledger: network.ledger,
    now: seconds(),
    admit: DEFAULT_ADMIT,
  });
  assert.deepEqual([record.quic, record.turn], [undefined, undefined]);
  const [, port] = await program.line(/metrics at=http:\/\/127\.0\.0\.1:(\d+)\/metrics/);
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  assert.match(metrics, /^ghostgate_stun_answers_total\{network="\w+"\} 0$/m);
  assert.equal(await program.stop(), 0);
});

Deno.test("ghostgate --version and --help answer, wrong usage ends with 2", async () => {
  for (
    const [args, code, pattern] of [[["--version"], 0, /^\d+\.\d+\.\d+$/m], [["--help"], 0, /--auth/], [
      ["--no"],
      2,
      /Unknown option/,
    ]] as const
  ) {
    await using program = new Program([...args]);
    assert.equal(await program.end(), code);
    assert.match(program.log, pattern);
  }
});
