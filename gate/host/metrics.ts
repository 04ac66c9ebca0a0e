/**
 * The gate's counters for Prometheus: `GET /metrics`, in its text format. Off unless `metrics` in ghostgate.toml names a port, and on the
 * loopback unless an address is named too. Nothing in it tells who talks to whom: sums of the whole gate, by network at most.
 */
import { Counter, Gauge, Registry } from "prom-client";
import { GhostError } from "../../mesh/wire/errors.ts";
import type { GateCounts } from "../core/gate.ts";
import type { LaneTraffic } from "./lanes/service.ts";

/** What is read whenever somebody asks. */
export interface MetricsSource {
  /** Null without sessions (`use_quic = false`). */
  counts(): GateCounts | null;
  /** Connections that showed no ticket that holds. */
  turnedAway(): number;
  /** Null without lanes. */
  lanes(): Promise<LaneTraffic | null>;
  /** Null without a STUN service. */
  stun(): { answered: number; withheld: number } | null;
}

interface Reading {
  core: GateCounts | null;
  turnedAway: number;
  lanes: LaneTraffic | null;
  stun: { answered: number; withheld: number } | null;
}

type Metric = readonly [name: string, help: string, read: (r: Reading) => number | undefined];

const GAUGES: readonly Metric[] = [
  ["sessions", "Live sessions", (r) => r.core?.sessions],
  ["unproved_connections", "Connections that have not proved themselves", (r) => r.core?.unproved],
  ["lanes", "Lanes", (r) => r.core?.lanes],
  [
    "lanes_in_kernel",
    "1 while the kernel carries lanes",
    (r) => r.lanes ? Number(r.lanes.mode === "kernel") : undefined,
  ],
];

const COUNTERS: readonly Metric[] = [
  ["relay_packets_total", "Packets relayed between sessions", (r) => r.core?.packets],
  ["relay_packets_dropped_total", "Packets dropped for slow receivers", (r) => r.core?.packetsDropped],
  ["signals_total", "Sealed messages passed on", (r) => r.core?.signals],
  ["refused_total", "Connections refused", (r) => r.core?.refused],
  ["turned_away_total", "Connections whose address was not proved", (r) => r.core ? r.turnedAway : undefined],
  ["lanes_opened_total", "Lanes opened", (r) => r.core?.lanesOpened],
  ["lanes_refused_total", "Lanes refused for a quota or a port", (r) => r.core?.lanesRefused],
  ["lane_moves_total", "Ends of lanes that moved to another address", (r) => r.core?.laneMoves],
  ["lane_control_bad_total", "Control datagrams that proved nothing", (r) => r.core?.laneControlBad],
  ["lane_packets_total", "Packets passed on by lanes", (r) => r.lanes?.packets],
  ["lane_bytes_total", "Bytes passed on by lanes", (r) => r.lanes?.bytes],
  ["lane_process_packets_total", "Those of them that went through the gate's process", (r) => r.lanes?.loopPackets],
  ["lane_packets_unproved_total", "Packets to lanes from no proved address, dropped", (r) => r.lanes?.unproved],
  ["lane_packets_limited_total", "Packets of lanes beyond a rate, dropped", (r) => r.lanes?.limited],
  ["stun_answers_total", "STUN requests answered", (r) => r.stun?.answered],
  ["stun_withheld_total", "STUN requests not answered, for the debt of their source", (r) => r.stun?.withheld],
];

/** Of the process itself, by the names that dashboards know; Deno's memory is V8's, as Node's is. */
const PROCESS: readonly (readonly [name: string, help: string, of: keyof Deno.MemoryUsage])[] = [
  ["process_resident_memory_bytes", "Resident memory size in bytes", "rss"],
  ["nodejs_heap_size_total_bytes", "Process heap size from V8 in bytes", "heapTotal"],
  ["nodejs_heap_size_used_bytes", "Process heap size used from V8 in bytes", "heapUsed"],
  ["nodejs_external_memory_bytes", "V8 external memory size in bytes", "external"],
];

/** The text of all metrics now. */
export async function metricsText(network: string | null, source: MetricsSource): Promise<string> {
  const [core, lanes, stun] = [source.counts(), await source.lanes(), source.stun()];
  const reading: Reading = { core, turnedAway: source.turnedAway(), lanes, stun };
  const registry = new Registry();
  if (network !== null) registry.setDefaultLabels({ network });
  for (const [metrics, Kind] of [[GAUGES, Gauge], [COUNTERS, Counter]] as const) {
    for (const [name, help, read] of metrics) {
      const value = read(reading);
      if (value !== undefined) new Kind({ name: `ghostgate_${name}`, help, registers: [registry] }).inc(value);
    }
  }
  const memory = Deno.memoryUsage();
  for (const [name, help, of] of PROCESS) new Gauge({ name, help, registers: [registry] }).set(memory[of]);
  return await registry.metrics();
}

/**
 * Serves them.
 * @param o.place the setting's name in refusals
 * @throws GhostError `port_in_use`, `bad_config`
 */
export function serveMetrics(
  o: { hostname: string; port: number; place: string; network: string | null; source: MetricsSource },
): AsyncDisposable & { port: number } {
  const answer = async (request: Request): Promise<Response> => {
    if (request.method !== "GET" || new URL(request.url).pathname !== "/metrics") {
      return new Response("The metrics are at /metrics\n", { status: 404 });
    }
    const text = await metricsText(o.network, o.source);
    return new Response(text, { headers: { "content-type": Registry.PROMETHEUS_CONTENT_TYPE } });
  };
  try {
    const server = Deno.serve({ hostname: o.hostname, port: o.port, onListen: () => {} }, answer);
    return { port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
  } catch (cause) {
    const taken = cause instanceof Deno.errors.AddrInUse;
    throw new GhostError(taken ? "port_in_use" : "bad_config", `Cannot serve metrics on port ${o.port}`, {
      place: o.place,
      mend: taken ? "name a free port" : "name an address of this host",
      cause,
    });
  }
}
