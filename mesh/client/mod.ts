/** The coordinator's client. */
export * from "./mesh_client.ts";
export { pinCa, shownCa } from "./pin.ts";
export * from "./server_address.ts";
