/** What a new policy changes besides who reaches whom: exit nodes, approvals of routes, names and key expiry, in words. */
import { type Compiled, durationText, exitsFor, type Policy } from "../../mesh/policy/mod.ts";

/** One sentence for each change, closing ones first. */
export function settingsDiff(before: Compiled, after: Compiled): string[] {
  const [old, fresh] = [sentences(before), sentences(after)];
  const gone = [...old].filter((line) => !fresh.has(line)).map((line) => `no longer  ${line}`);
  return [...gone, ...[...fresh].filter((line) => !old.has(line)).map((line) => `from now   ${line}`)];
}

/** Everything that is said, each thing in one sentence: equal texts mean the same. */
function sentences(compiled: Compiled): Set<string> {
  return new Set([...exitSentences(compiled), ...policySentences(compiled.policy)]);
}

function exitSentences(compiled: Compiled): string[] {
  const nameOf = (id: string) => compiled.machines.get(id)!.node.name;
  return [...compiled.machines.keys()].flatMap((id) =>
    exitsFor(compiled, id).map(({ node, ipv4, ipv6 }) => {
      const families = ipv4 && ipv6 ? "IPv4 and IPv6" : ipv4 ? "IPv4 only" : "IPv6 only";
      return `${nameOf(id)} may reach the internet through ${nameOf(node)} (${families})`;
    })
  );
}

/** What a policy's sections say, in words. */
export function policySentences({ routes, dns, admit }: Policy): string[] {
  const list = (texts: readonly string[]) => texts.join(", ") || "nobody";
  const expiry = admit.flatMap(({ method, expiry }) =>
    expiry?.seconds ? [`a key that came in by ${method} expires after ${durationText(expiry.seconds)}`] : []
  );
  const tags = Object.entries(admit[0]?.expiry?.tags ?? {}).map(([tag, seconds]) =>
    seconds === null ? `a key with ${tag} does not expire` : `a key with ${tag} expires after ${durationText(seconds)}`
  );
  return [
    ...routes.map(({ text, range, by }) => {
      const who = list(by.map((selector) => selector.text));
      return range === "exit" ? `${who} may be an exit node` : `${who} may carry ${text} and all within it`;
    }),
    ...(dns.upstreams.length > 0 ? [`names beyond the network are asked of ${list(dns.upstreams)}`] : []),
    ...(dns.search.length > 0 ? [`search domains: ${list(dns.search)}`] : []),
    ...[...dns.split].map(([domain, servers]) => `names in ${domain} are asked of ${list(servers)}`),
    ...[...dns.names].map(([name, addresses]) => `the name ${name} is ${list(addresses)}`),
    ...expiry,
    ...tags,
  ];
}
