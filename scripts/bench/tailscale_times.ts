/** A fresh pair of Tailscale's for `bench times`, from nothing to a direct path. */
import type { Host } from "../lab/lab.ts";
import { Ping } from "../lab/ping.ts";
import { waitFor } from "../lab/process.ts";
import { Failure } from "../lib/run.ts";
import type { Tailnet, TailscaleNode, TailscalePeer } from "./tailscale.ts";
import { firstReply } from "./times.ts";

/** What became of it, in ms from the first ping that was sent; Infinity for never. */
export interface TailscaleTimes {
  firstReply: number;
  /** Until both have a direct path. */
  direct: number;
}

/** A machine, and the public address of its router. */
export interface TailscaleEnd {
  host: Host;
  router: string;
}

/**
 * Both machines join a tailnet that is as new as they are, and the first one pings the second.
 * @param o.after the first ping is sent so many ms after both know each other and their DERP home; 0 is at the very moment when the
 * second says that it is up, with the first one at home already
 * @param o.every between two packets, in ms
 */
export async function tailscaleTimes(
  tailnet: Tailnet,
  o: { ends: [TailscaleEnd, TailscaleEnd]; after: number; every: number; patience: number },
): Promise<TailscaleTimes> {
  const [a, b] = o.ends;
  await tailnet.anew();
  const nodes: TailscaleNode[] = [];
  const join = async (host: Host) => {
    const node = await tailnet.join(host);
    nodes.push(node);
    return node;
  };
  try {
    const first = await join(a.host);
    await first.daemon.line(/ home is now derp-1 /);
    const address = tailnet.nextAddress;
    const second = await join(b.host);
    if (o.after > 0) {
      await knows(first, b);
      await knows(second, a);
      await new Promise((resolve) => setTimeout(resolve, o.after));
    }
    const ping = new Ping(a.host, address, o.every);
    const direct = ({ daemon }: TailscaleNode, { router }: TailscaleEnd) =>
      daemon.line(new RegExp(` now using ${router}:`), { timeout: o.patience });
    const both = await Promise.all([direct(first, b), direct(second, a)])
      .then((lines) => Math.max(...lines.map(({ at }) => at)), () => Infinity);
    const answer = await ping.first(o.patience).catch(() => undefined);
    await ping.stop();
    const told = (await knows(first, b)).address;
    if (told !== address) throw new Failure(`Tailscale's ${b.host.name} has ${told}, and ${address} was pinged`);
    const reply = firstReply(ping.process.lines, o.every);
    if (!answer || reply === null) return { firstReply: Infinity, direct: Infinity };
    return { firstReply: reply, direct: both - (answer.at - reply) };
  } finally {
    await Promise.all(nodes.map(({ daemon }) => daemon.stop())); // ours come next on these machines
  }
}

async function knows({ host, peer }: TailscaleNode, other: TailscaleEnd): Promise<TailscalePeer> {
  return await waitFor(`${host.name} to know ${other.host.name}`, () => peer(other.host.name));
}
