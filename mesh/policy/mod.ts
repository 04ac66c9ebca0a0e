/** Who may reach what: reading acls.toml, and turning it into visibility and packet filters. */
export { namedFiles } from "./admit.ts";
export { AdmitRules, issuerSigners, type SignedPolicy, usesPrefix } from "./ask.ts";
export { compile, type Compiled, type CompiledRoute, routesFor, seenBy, sees } from "./compile.ts";
export { filterFor } from "./filter.ts";
export { DEFAULT_GRACE } from "./network.ts";
export { checkPolicy, faultError, parsePolicy, type PolicyCheck, type PolicyOptions } from "./parse.ts";
export { failedTests, runPolicyTests } from "./tests_run.ts";
export { renderFilter } from "./render_nft.ts";
export { STARTER_POLICY } from "./starter.ts";
export type { Fault, Filter, FilterRule, Policy, PolicyNode, PolicyRoute, Ports } from "./types.ts";
