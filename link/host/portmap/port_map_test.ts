import assert from "node:assert/strict";
import { createLog } from "../../../mesh/host/log.ts";
import type { TransportAddress } from "../../../mesh/wire/stun/mod.ts";
import { PortMap } from "./port_map.ts";
import type { Finder, Mapped, MapProtocol } from "./protocol.ts";

const WAY = { gateway: "192.168.1.1", source: "192.168.1.7", port: 51820 };
const OUTER = { address: "203.0.113.2", port: 51820 };

/** A router that speaks one protocol, and what it was asked. */
class Router {
  asked: string[] = [];
  epochNow: number | null = 100;
  answer: Mapped = { kind: "mapped", external: OUTER, lifetime: 600, epoch: 100 };
  readonly finder: Finder = () => {
    this.asked.push("find");
    return Promise.resolve({
      protocol: this.protocol,
      map: () => {
        this.asked.push("map");
        return Promise.resolve(this.answer);
      },
      epoch: () => {
        this.asked.push("epoch");
        return Promise.resolve(this.epochNow);
      },
      unmap: ({ port }) => {
        this.asked.push(`unmap ${port}`);
        return Promise.resolve();
      },
    });
  };
  readonly protocol: MapProtocol;

  constructor(protocol: MapProtocol) {
    this.protocol = protocol;
  }

  /** What it was asked since the last call. */
  since(): string[] {
    return this.asked.splice(0);
  }
}

function world(...routers: Router[]) {
  const changes: (TransportAddress | null)[] = [];
  let time = 0;
  let due: { at: number; run: () => void } | null = null;
  const map = new PortMap({
    finders: routers.map(({ finder }) => finder),
    overlay: () => false,
    log: createLog("test", { level: "error" }),
    now: () => time,
    after: (ms, run) => {
      due = { at: time + ms, run };
      return () => void (due = null);
    },
    changed: (external) => void changes.push(external),
  });
  /** Lets the next look come, and gives how long it was waited for, in ms. */
  const next = async () => {
    const { at, run } = due!;
    const waited = at - time;
    time = at;
    run();
    await map.look();
    await settled();
    return waited;
  };
  return { map, changes, next };
}

/** A search waits a moment for better protocols. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 150));

Deno.test("PortMap asks the best protocol that answers, and gives the port back at its end", async () => {
  const [pcp, upnp] = [new Router("pcp"), new Router("upnp")];
  const { map, changes } = world(pcp, upnp);
  map.setWay(WAY);
  await settled();
  assert.deepEqual([pcp.since(), upnp.since()], [["find", "map"], ["find"]]);
  assert.deepEqual(changes, [OUTER]);
  assert.deepEqual(map.state.answered, ["pcp", "upnp"]);
  await map.close();
  assert.deepEqual(pcp.since(), ["unmap 51820"]);
});

Deno.test("PortMap takes the next protocol where one refuses, or names an address that leads nowhere", async () => {
  const [pcp, upnp] = [new Router("pcp"), new Router("upnp")];
  pcp.answer = { kind: "mapped", external: { ...OUTER, address: "100.64.0.9" }, lifetime: 600, epoch: 1 };
  const { map } = world(pcp, upnp);
  map.setWay(WAY);
  await settled();
  assert.deepEqual(pcp.since(), ["find", "map", "unmap 51820"]);
  assert.deepEqual(map.state.mapping, { protocol: "upnp", external: OUTER });
  await map.close();
});

Deno.test("PortMap looks every minute, maps again at half-life, and at once when the router's clock began anew", async () => {
  const pcp = new Router("pcp");
  const { map, next, changes } = world(pcp);
  map.setWay(WAY);
  await settled();
  pcp.since();
  for (let minute = 1; minute <= 4; minute++) {
    pcp.epochNow = 100 + minute * 60;
    assert.equal(await next(), 60_000);
    assert.deepEqual(pcp.since(), ["epoch"], `minute ${minute}`);
  }
  await next();
  assert.deepEqual(pcp.since(), ["map"], "half of its life");
  pcp.epochNow = 3;
  pcp.answer = { kind: "mapped", external: { ...OUTER, port: 40001 }, lifetime: 600, epoch: 3 };
  await next();
  assert.deepEqual(pcp.since(), ["epoch", "map"], "the router restarted");
  assert.deepEqual(changes, [OUTER, { ...OUTER, port: 40001 }]);
  await map.close();
});

Deno.test("PortMap searches again, ever more rarely, and says why there is none", async () => {
  const pcp = new Router("pcp");
  pcp.answer = { kind: "refused", why: "has no resources left" };
  const { map, next, changes } = world(pcp);
  map.setWay(WAY);
  await settled();
  assert.equal(map.state.why, "the router has no resources left (pcp)");
  assert.deepEqual([await next(), await next(), await next(), await next()], [60_000, 300_000, 1_200_000, 1_200_000]);
  assert.deepEqual(changes, []);
  await map.close();
});

Deno.test("PortMap follows to another router and drops the mapping of before; doubts are not followed without end", async () => {
  const pcp = new Router("pcp");
  const { map, changes } = world(pcp);
  map.setWay(WAY);
  await settled();
  for (let n = 0; n < 5; n++) map.doubt();
  await settled();
  assert.deepEqual(pcp.since(), ["find", "map", "map"]);
  map.setWay({ ...WAY, gateway: "192.168.9.1" });
  await settled();
  assert.deepEqual(pcp.since(), ["unmap 51820", "find", "map"]);
  map.setWay(null);
  await settled();
  assert.deepEqual([pcp.since(), map.state.mapping], [["unmap 51820"], null]);
  assert.deepEqual(changes, [OUTER, null, OUTER, null]);
  await map.close();
});
