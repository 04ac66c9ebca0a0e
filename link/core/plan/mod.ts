/** Plans: from what is there to what should be. */
export * from "./addresses.ts";
export * from "./alias.ts";
export * from "./collisions.ts";
export * from "./exit.ts";
export * from "./foreign.ts";
export * from "./kill_switch.ts";
export * from "./last_resort.ts";
export * from "./nft_table.ts";
export * from "./routes.ts";
export * from "./state.ts";
export * from "./wireguard.ts";
export { canonicalPrefix, contains } from "./prefix.ts";
