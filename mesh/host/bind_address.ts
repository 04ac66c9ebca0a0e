/** Where a program listens, as its configuration says it: "0.0.0.0:7777" or "[::]:7777". */
import ipaddr from "ipaddr.js";
import { z } from "../wire/schema.ts";

/** An address and a port. */
export interface BindAddress {
  hostname: string;
  /** 0 takes a free one. */
  port: number;
}

/** A schema of such texts. @param o.usual the port of the examples in a refusal @param o.names host names that may stand for an address */
export function bindAddress(o: { usual: number; names?: readonly string[] }): z.ZodType<BindAddress, string> {
  return z.string().max(64).transform((text, context) => {
    const match = /^(?:\[([0-9a-f:.]+)\]|([0-9a-z.]+)):(\d{1,5})$/i.exec(text);
    const [, v6, other = "", digits] = match ?? [];
    const known = v6 === undefined
      ? ipaddr.IPv4.isValidFourPartDecimal(other) || (o.names ?? []).includes(other.toLowerCase())
      : ipaddr.IPv6.isValid(v6);
    const port = Number(digits);
    if (known && port <= 65535) return { hostname: v6 ?? other.toLowerCase(), port };
    const message = `Expected an address and a port such as "0.0.0.0:${o.usual}" or "[::]:${o.usual}"`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}
