/** Who may reach what: reading acls.toml, and turning it into visibility and packet filters. */
export { namedFiles } from "./admit.ts";
export { AdmitRules, issuerSigners, policyInForce, readSigned, usesPrefix } from "./ask.ts";
export { type Count, type Counted, readListing, type SeenFlow } from "./counted.ts";
export { compile, type Compiled, type Exit, exitsFor, recompile, routesFor, seenBy, sees } from "./compile.ts";
export { filterFor } from "./filter.ts";
export { internetBeyond } from "./internet.ts";
export {
  addressEnd,
  allEnds,
  type End,
  internetEnds,
  machineEnd,
  meetsPorts,
  portsBetween,
  rulesBetween,
  touchesPorts,
} from "./reach.ts";
export { isNamed, type NearMiss, nearMiss } from "./near.ts";
export { portsText, readService } from "./ports.ts";
export { isBad, parsePrefix, type Range } from "./prefix.ts";
export { NO_DNS } from "./dns.ts";
export { networkOf, policyNode } from "./members.ts";
export { DEFAULT_GRACE } from "./network.ts";
export { durationText } from "./duration.ts";
export { approvalOf, EXIT_PREFIXES, routesInForce } from "./routes.ts";
export { checkPolicy, parsePolicy } from "./parse.ts";
export { failedTests, runPolicyTests } from "./tests_run.ts";
export { dropsAll, firewallBetween, firewallPlace, firewallText, type Met } from "./firewall.ts";
export { renderFilter } from "./render_nft.ts";
export { STARTER_POLICY } from "./starter.ts";
export { CLOSED } from "./types.ts";
export type { DnsPolicy, Fault, Filter, FilterRule, Policy, PolicyNode, Ports, Posture } from "./types.ts";
