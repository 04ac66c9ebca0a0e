/** Why no rule of a policy lets a flow, in words. */
import {
  type Compiled,
  type End,
  isNamed,
  meetsPorts,
  type NearMiss,
  nearMiss,
  type Ports,
  portsText,
  type Posture,
} from "../../mesh/policy/mod.ts";

/** A flow that somebody asks about: its ends, and what they were called. */
export interface Asked {
  sources: readonly End[];
  targets: readonly End[];
  from: string;
  to: string;
  /** null: any port at all. */
  ports: Ports | null;
}

const MOST = 12;

/** One sentence for each rule that names both ends, else which rules name one of them. */
export function whyNot(compiled: Compiled, asked: Asked): string[] {
  const { sources, targets, from, to } = asked;
  if (sources.every((s) => targets.every((t) => s.machine === t.machine))) {
    return ["both are the same machine, which no policy judges"];
  }
  const { rules } = compiled.policy;
  const near = rules.flatMap((_, i) => nearText(compiled, i, asked));
  if (near.length > 0) return near.slice(0, MOST);
  const named = (ends: readonly End[], side: "from" | "to") =>
    rules.filter((_, i) => ends.some((end) => isNamed(compiled, end, i, side)));
  const [leaving, arriving] = [named(sources, "from"), named(targets, "to")];
  const both = leaving.filter((rule) => arriving.includes(rule));
  const lines = (list: typeof rules) =>
    list.slice(0, 8).map(({ line }) => line).join(", ") + (list.length > 8 ? ", ..." : "");
  if (both.length > 0) {
    return [`line ${lines(both)} has both, but with addresses of different families: IPv4 and IPv6 do not meet`];
  }
  return [
    leaving.length === 0
      ? `no rule has ${from} in "from"`
      : `rules with ${from} in "from": line ${lines(leaving)}; none of them has ${to} in "to"`,
    arriving.length === 0 ? `no rule has ${to} in "to"` : `rules with ${to} in "to": line ${lines(arriving)}`,
  ];
}

/** Why a rule that names both ends does not let it; nothing when it does not name both. */
function nearText(compiled: Compiled, i: number, { sources, targets, from, to, ports }: Asked): string[] {
  const { line, ports: own, via } = compiled.policy.rules[i]!;
  const others = ports === null || meetsPorts(own, ports) ? [] : [`it lets ${portsText(own)} only`];
  const misses = sources.flatMap((source) =>
    targets.flatMap((target) => {
      const miss = source.machine === target.machine ? null : nearMiss(compiled, i, { source, target });
      return miss === null ? [] : [whys(miss, { source, target, from, to, via: via ?? [] })];
    })
  );
  if (misses.length === 0) return [];
  if (misses.some((list) => list.length === 0)) {
    return [`the rule in line ${line} lets it on ${portsText(own)} only`];
  }
  const all = [...new Set([...others, ...misses.flat()])];
  return [`the rule in line ${line} has both, but ${all.join("; ")}`];
}

function whys(
  { unmet, unattested, via, beyond }: NearMiss,
  o: { source: End; target: End; from: string; to: string; via: readonly { text: string }[] },
): string[] {
  const only = `it counts for what goes via ${o.via.map(({ text }) => text).join(", ")} only`;
  const { node } = o.target.machine;
  return [
    ...unmet.map((posture) => postureText(posture, o)),
    ...(unattested ? [`it asks for a posture, which nobody attests for ${o.from}, behind a machine`] : []),
    ...(via
      ? [o.target.behind === null ? `${only}, and ${o.to} is a machine itself` : `${only}, not via ${node.name}`]
      : []),
    ...(beyond ? [`${o.from} is behind a machine, and only machines themselves use an exit node`] : []),
  ];
}

/** What a posture asks for, and what the machine says of itself instead. */
function postureText({ name, os, minVersion }: Posture, { source, from }: { source: End; from: string }): string {
  const { node } = source.machine;
  const asks = [
    ...(os.length > 0 ? [`os ${os.join(" or ")}`] : []),
    ...(minVersion === null ? [] : [`version ${minVersion.join(".")} or newer`]),
  ];
  const says = [
    ...(os.length > 0 ? [node.os ?? "no system"] : []),
    ...(minVersion === null ? [] : [node.version ?? "no version"]),
  ];
  return `it asks for posture ${name} (${asks.join(", ")}), and ${from} says ${says.join(", ")}`;
}
