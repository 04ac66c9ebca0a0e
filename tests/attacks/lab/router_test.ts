/** Row 20: what answers to a request for a port mapping, on a LAN that an enemy shares or rules. */
import assert from "node:assert/strict";
import type { LocalNetcheck } from "../../../mesh/wire/local_look.ts";
import { HOME, type Host, Lab } from "../../../scripts/lab/lab.ts";
import type { Process } from "../../../scripts/lab/process.ts";
import { createToken, initNetwork, joinLink, setupCode, startMesh } from "../../../scripts/lab/programs.ts";
import { addBehindNat, addInternet, addPublic, COORDINATOR, ROUTER_A } from "../../../scripts/lab/topology.ts";
import { fixture } from "../../lab/support.ts";
import type { RouterOrder } from "../hostile_router.ts";
import { startHostile } from "./hostile.ts";

const ROUTER = "10.9.1.1";
const NEIGHBOUR = "10.9.1.66";
const OWN = "10.9.1.2";
/** An outer address that is believed. */
const OUTER = "198.51.100.7";

interface Net {
  lab: Lab;
  alice: Host;
  router: Process;
  order(order: RouterOrder): Promise<void>;
  /** Looks for a mapping anew, which the daemon does as long as it has none. */
  look(): Promise<LocalNetcheck["portMapping"]>;
}

const test = fixture<Net>(async () => {
  const lab = new Lab();
  await addInternet(lab);
  const coordinator = await addPublic(lab, "coordinator", COORDINATOR);
  const alice = await addBehindNat(lab, "alice", { router: "na", address: ROUTER_A, lan: "10.9.1", nat: "eim_apdf" });
  const na = lab.host("na");
  await na.run(["ip", "address", "add", `${NEIGHBOUR}/24`, "dev", "lan1"]);
  const order = (order: RouterOrder) => na.write("order.json", JSON.stringify(order));
  await order({});
  const router = startHostile(na, "hostile_router.ts", ROUTER, NEIGHBOUR, `${HOME}/order.json`);
  await router.line(/^ready$/);
  const mesh = await startMesh(coordinator);
  await initNetwork(alice, await setupCode(mesh));
  await joinLink(alice, await createToken(alice)).line(/ is up: /);
  const look = async () => (await alice.ctlJson<LocalNetcheck>(["netcheck"])).portMapping;
  return { lab, alice, router, order, look };
});

test("row 20: answers of a neighbour, or that do not fit the question, map nothing", async ({ order, look }) => {
  const answer = { external: OUTER };
  await order({ from: "neighbour", pcp: answer, natPmp: answer, upnp: {} });
  assert.deepEqual((await look()).answered, [], "a neighbour was listened to");
  await order({
    pcp: { ...answer, wrong: ["nonce", "port", "protocol", "opcode"] },
    natPmp: { ...answer, wrong: ["port", "opcode"] },
  });
  assert.equal((await look()).mapping, null, "answers to other questions");
});

test("row 20: an outer address where nobody on the internet is becomes no candidate", async ({ order, look, router }) => {
  const named = [
    ["10.0.0.1", "172.16.5.5", "192.168.0.9"],
    ["127.0.0.1", "0.0.0.0", "169.254.169.254"],
    ["224.0.0.1", "255.255.255.255", "240.0.0.1"],
    ["100.64.0.1", "100.100.100.100", "239.255.255.250"],
  ] as const;
  for (const [first, second, third] of named) {
    await order({ pcp: { external: first }, natPmp: { external: second }, upnp: { external: third } });
    const from = router.lines.length;
    const { mapping, answered } = await look();
    assert.deepEqual([mapping, answered], [null, ["pcp", "nat-pmp", "upnp"]]);
    const said = router.lines.slice(from).map(({ text }) => text);
    assert.ok(said.includes("pcp map 0") && said.includes("nat-pmp map 0"), "what is of no use is given back");
  }
});

test("row 20: a router cannot lead the daemon to other hosts, nor feed it without end", async ({ order, look, router, alice }) => {
  const trap = `http://${NEIGHBOUR}:5000/root.xml`;
  const locations = [trap, "http://127.0.0.1:5000/root.xml", `http://${ROUTER}@${NEIGHBOUR}:5000/root.xml`];
  await order({ upnp: { locations } });
  assert.deepEqual((await look()).answered, [], "elsewhere");
  await order({ upnp: { description: "redirect" } });
  assert.deepEqual((await look()).answered, [], "a redirect");
  await order({ upnp: { controls: [`http://${NEIGHBOUR}:5000/control`, `//${NEIGHBOUR}:5000/control`] } });
  assert.deepEqual((await look()).answered, [], "control elsewhere");
  await order({ upnp: { description: "entities" } });
  assert.deepEqual((await look()).answered, [], "entities");
  await order({ upnp: { description: "stall" } });
  assert.deepEqual((await look()).answered, [], "an answer that never ends");
  await order({ upnp: { description: "endless" } });
  assert.deepEqual((await look()).answered, [], "an endless answer");
  const sent = Number(/^endless (\d+)$/m.exec(router.lines.at(-1)!.text)?.[1]);
  assert.ok(sent < 16 << 20, `the daemon read ${sent} bytes`);
  assert.doesNotMatch(router.text, /^TRAP/m);
  assert.equal((await alice.ctl(["status"])).code, 0);
});

test("row 20: nobody else's mapping is taken or removed, and a lifetime of nothing makes no flood", async ({ order, look, router, alice, lab }) => {
  const start = router.lines.length;
  await order({ upnp: { external: OUTER, holder: NEIGHBOUR } });
  const { mapping } = await look();
  assert.equal(mapping?.protocol, "upnp");
  assert.notEqual(mapping.port, 51820);
  const link = lab.host("alice").processes.at(-1)!;
  await link.stop();
  const did = router.lines.slice(start).map(({ text }) => text).filter((text) =>
    /^upnp (Add|Delete)PortMapping/.test(text)
  );
  assert.ok(did.includes(`upnp AddPortMapping ${mapping.port} ${OWN}`));
  for (const text of did) assert.doesNotMatch(text, / 51820( |$)| 10\.9\.1\.(?!2$)/, text);

  await order({ pcp: { external: OUTER, lifetime: 0 } });
  const from = router.lines.length;
  const again = alice.spawn("ghostlink", ["ghostlink", "run"]);
  await again.line(/The router maps the tunnel's port/);
  await new Promise((resolve) => setTimeout(resolve, 3_000)); // one every second is what a flood would be
  const asked = router.lines.slice(from).filter(({ text }) => /^pcp map [1-9]/.test(text));
  assert.equal(asked.length, 1);
});
