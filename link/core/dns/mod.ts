/** Names: what this node answers itself, whom it asks about the rest, and how a machine is told. */
export * from "./names.ts";
export * from "./resolv_conf.ts";
export * from "./upstreams.ts";
export * from "./zone.ts";
