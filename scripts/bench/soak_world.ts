/**
 * The world of the soak: machines that stay and are watched (the coordinator, a gate, alice and bob behind NATs of their own), and what
 * comes and goes around them (a second gate, carol, NAT tables, interfaces, lanes).
 */
import type { Host, Lab } from "../lab/lab.ts";
import { type Process, waitFor } from "../lab/process.ts";
import {
  createToken,
  ipv4Of,
  joinAll,
  joinLink,
  peers,
  runLink,
  startGate,
  startNetwork,
  waitForRung,
} from "../lab/programs.ts";
import { addPublic, blockUdp, buildHomes, ROUTER_B, unblockUdp } from "../lab/topology.ts";

/** Port of each daemon's inspector, on the loopback of its own machine. */
export const INSPECTOR = 9229;

/** A program that runs from the first minute to the last. */
export interface Watched {
  name: string;
  host: Host;
  process: Process;
}

/** Something that happens to the mesh. */
export type Blow = readonly [name: string, run: () => Promise<void>];

/** What is watched, and what can be done to it. */
export interface SoakWorld {
  watched: readonly Watched[];
  blows: readonly Blow[];
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The daemons of this machine listen for an inspector from now on. */
async function inspectable(host: Host): Promise<void> {
  const [real, wrapper] = [host.env["GHOSTMESH_DENO"]!, "/run/home/deno"];
  await host.write(
    wrapper,
    `#!/bin/sh
case " $* " in
  *"/link/main.ts "* | *"/gate/main.ts "* | *"/mesh/main.ts "*) shift; exec "${real}" run --inspect=127.0.0.1:${INSPECTOR} "$@" ;;
esac
exec "${real}" "$@"
`,
  );
  await host.run(["chmod", "700", wrapper]);
  host.env["GHOSTMESH_DENO"] = wrapper;
}

/** Builds it: all daemons run, and alice and bob have a direct path. */
export async function soakWorld(lab: Lab): Promise<SoakWorld> {
  await buildHomes(lab);
  const gate2 = await addPublic(lab, "gate2", "203.0.113.21");
  const dave = await addPublic(lab, "dave", "203.0.113.40");
  const [coordinator, gate, alice, bob, carol] = ["coordinator", "gate", "alice", "bob", "carol"]
    .map((name) => lab.host(name)) as [Host, Host, Host, Host, Host];
  for (const host of [coordinator, gate, alice, bob]) await inspectable(host);
  const { mesh, gate: gateProcess } = await startNetwork(lab, alice);
  let second = await startGate(gate2, { token: await createToken(alice, "--gate") });
  const token = await createToken(alice, "--uses", "1000");
  const links = await joinAll([alice, bob, carol], token);
  await waitForRung(alice, "bob", "direct");
  let third = links[2]!;
  const found = await peers(alice);
  for (const name of ["bob", "carol"]) {
    const address = ipv4Of(found.find((peer) => peer.name === name)!.addresses);
    alice.spawn("ping", ["ping", "-q", "-n", "-i", "0.2", address]);
  }
  const [na, nb, inet] = [lab.host("na"), lab.host("nb"), lab.host("inet")];
  const blows: Blow[] = [
    ["NAT tables flushed", async () => {
      for (const router of [na, nb]) await router.run(["conntrack", "-F"]);
    }],
    ["second gate killed and started", async () => {
      await second.stop("SIGKILL");
      second = await startGate(gate2);
    }],
    ["carol's daemon restarted", async () => {
      await third.stop("SIGTERM");
      third = runLink(carol);
      await third.line(/ is up: /);
    }],
    ["alice's interface down and up", async () => {
      await alice.sh("ip link set eth0 down; sleep 1; ip link set eth0 up; ip route add default via 10.9.1.1");
    }],
    ["direct path blocked, over a lane, and back", async () => {
      await blockUdp(na, ROUTER_B);
      await sleep(8000);
      await unblockUdp(na);
    }],
    ["carol's daemon killed and started", async () => {
      await third.stop("SIGKILL");
      third = runLink(carol);
      await third.line(/ is up: /);
    }],
    ["bob's address changed", async () => {
      for (const [from, to] of [[2, 77], [77, 2]]) {
        const gone = `ip address del 10.9.2.${from}/24 dev eth0; ip address add 10.9.2.${to}/24 dev eth0`;
        await bob.sh(`${gone}; ip route add default via 10.9.2.1; sleep 4`);
      }
    }],
    ["coordinator's cable out and in", async () => {
      await inet.run(["ip", "link", "set", "to-coordinator", "down"]);
      await sleep(4000);
      await inet.run(["ip", "link", "set", "to-coordinator", "up"]);
    }],
    ["first gate's cable out and in", async () => {
      await inet.run(["ip", "link", "set", "to-gate", "down"]);
      await sleep(5000);
      await inet.run(["ip", "link", "set", "to-gate", "up"]);
    }],
    ["bob's key rotated, and questions", async () => {
      await bob.ctl(["keys", "rotate"], { codes: "any" });
      for (const host of [alice, bob]) {
        await host.ctl(["peers"]);
        await host.ctl(["debug", "path", "carol"], { codes: "any" });
        await host.ctl(["netcheck"], { codes: "any" });
      }
    }],
    ["a newcomer joined and left", async () => {
      const link = joinLink(dave, token);
      await link.line(/ is up: /);
      await waitForRung(dave, "alice", "direct");
      await dave.ctl(["leave", "--yes", "--forget-keys"]);
      await link.stop();
      await dave.sh("find /var/lib/ghostlink -mindepth 1 -delete");
    }],
    ["second gate ended and started", async () => {
      await second.stop("SIGTERM");
      second = await startGate(gate2);
    }],
  ];
  const watched = [
    { name: "ghostmesh", host: coordinator, process: mesh },
    { name: "ghostgate", host: gate, process: gateProcess },
    { name: "ghostlink alice", host: alice, process: links[0]! },
    { name: "ghostlink bob", host: bob, process: links[1]! },
  ];
  for (const { name, process } of watched) await waitFor(name, () => process.running);
  return { watched, blows };
}
