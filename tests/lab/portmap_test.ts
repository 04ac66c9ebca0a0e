/** Port mapping at Debian's miniupnpd: what no NAT would let through becomes direct, survives the router, and is taken back. */
import assert from "node:assert/strict";
import type { LocalNetcheck } from "../../mesh/wire/local_look.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { startPortMapper } from "../../scripts/lab/port_mapper.ts";
import { type Process, waitFor } from "../../scripts/lab/process.ts";
import { admit, runLink, startNetwork, waitForRung } from "../../scripts/lab/programs.ts";
import { addHomes, addServers } from "../../scripts/lab/topology.ts";
import { addressOf, labTest, reaches } from "./support.ts";

/** The router's outer address as miniupnpd names it: it believes in none of those for documents. */
const OUTER = "11.0.113.2";
const LAN = "10.9.1.0/24";
const INNER = "10.9.1.2:51820";

labTest(
  "two symmetric NATs meet directly through a mapped port, also after the router's restart, and nothing of it is left",
  async () => {
    await using lab = new Lab();
    try {
      await addServers(lab);
      const { alice, bob } = await addHomes(lab, { alice: "apdm_apdf", bob: "apdm_apdf" });
      const router = lab.host("na");
      await router.run(["ip", "address", "add", `${OUTER}/32`, "dev", "wan0"]);
      await lab.host("nb").run(["ip", "route", "add", `${OUTER}/32`, "dev", "wan0"]);
      let mapper = await startPortMapper(router, { outer: OUTER, lan: LAN, upnp: true, pmp: true });
      const mapped = (count: number) =>
        waitFor(`${count} mappings`, async () => (await mapper.mappings()).length === count);
      const restart = async (o: { upnp: boolean; pmp: boolean | "nat-pmp" }) => {
        await mapper.process.stop();
        mapper = await startPortMapper(router, { outer: OUTER, lan: LAN, ...o });
      };
      const netcheck = () => alice.ctlJson<LocalNetcheck>(["netcheck"]);

      await startNetwork(lab, alice);
      let [link] = await admit(alice, [alice, bob]) as [Process, Process];
      await waitForRung(alice, "bob", "direct");
      const seen = await waitForRung(bob, "alice", "direct");
      const { portMapping, verdict } = await netcheck();
      assert.deepEqual(portMapping, {
        enabled: true,
        gateway: "10.9.1.1",
        answered: ["pcp", "nat-pmp", "upnp"],
        mapping: { protocol: "pcp", address: OUTER, port: portMapping.mapping?.port },
        why: null,
      });
      assert.deepEqual(verdict, []);
      assert.equal(seen.path.endpoint, `${OUTER}:${portMapping.mapping!.port}`);
      assert.deepEqual(await mapper.mappings(), [`${portMapping.mapping!.port} ${INNER}`]);

      // The router restarts and has forgotten all: mappings, and whose packets belong together.
      const before = link.lines.length;
      await restart({ upnp: true, pmp: true });
      await router.run(["conntrack", "-F"]);
      await link.line(/^bob: (?!direct)/, { from: before });
      await mapped(1);
      await link.line(/^bob: direct/, { from: before, timeout: 60_000 });
      await reaches(bob, await addressOf(bob, "alice"));

      await link.stop();
      assert.deepEqual(await mapper.mappings(), []);

      for (
        const [protocol, spoken] of [["nat-pmp", { upnp: false, pmp: "nat-pmp" }], ["upnp", {
          upnp: true,
          pmp: false,
        }]] as const
      ) {
        await restart(spoken);
        link = runLink(alice);
        await link.line(/ is up: /);
        await mapped(1);
        const { portMapping } = await netcheck();
        assert.deepEqual([portMapping.mapping?.protocol, portMapping.answered], [protocol, [protocol]]);
        assert.deepEqual(await mapper.mappings(), [`${portMapping.mapping!.port} ${INNER}`]);
        await link.stop();
        assert.deepEqual(await mapper.mappings(), []);
      }

      await alice.write("ghostlink.toml", "[link]\nportmap = false\n");
      link = runLink(alice, "--config", "ghostlink.toml");
      await link.line(/ is up: /);
      assert.equal((await netcheck()).portMapping.enabled, false);
      assert.deepEqual(await mapper.mappings(), []);
    } catch (error) {
      console.error(lab.logs(40));
      throw error;
    }
  },
);
