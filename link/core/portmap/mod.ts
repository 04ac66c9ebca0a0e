export * from "./epoch.ts";
export * from "./external.ts";
export * from "./limits.ts";
export * from "./nat_pmp.ts";
export * from "./pcp.ts";
export * from "./upnp/soap.ts";
export * from "./upnp/ssdp.ts";
export * from "./upnp/xml.ts";
