/** Where a datagram or connection comes from, in the forms that the gate needs. */
import ipaddr from "ipaddr.js";

export interface Source {
  /** The plain address: an IPv4 address also when a dual-stack socket shows it as ::ffff:a.b.c.d. */
  address: string;
  bytes: Uint8Array;
  /** `address:port`, IPv6 in brackets. */
  text: string;
  /** What bounds count by: an IPv4 address, or an IPv6 /64, because one host can have a whole one. */
  group: string;
}

/** @throws Error when the text is not an address */
export function sourceOf(hostname: string, port: number): Source {
  const parsed = ipaddr.process(hostname.replace(/%.*$/, ""));
  const bytes = Uint8Array.from(parsed.toByteArray());
  const address = parsed.toString();
  if (parsed.kind() === "ipv4") return { address, bytes, text: `${address}:${port}`, group: address };
  const group = ipaddr.fromByteArray([...bytes.subarray(0, 8), ...new Array(8).fill(0)]).toString();
  return { address, bytes, text: `[${address}]:${port}`, group: `${group}/64` };
}
