/**
 * What reaches coturn over UDP (SECURITY.md, row 16), in the table of egress.ts. Its refusals (401) carry realm and nonce, so a short
 * request would be answered by more bytes than it has, to whatever address it names as its sender. Here only our own nodes come,
 * and they fill their first request up (link/core/turn): what is shorter than the longest refusal is dropped, as is whatever
 * is neither STUN nor channel data. Requests of one address are bounded; packets of the channels are not looked at.
 */

/** Bytes of UDP payload that a request has at least; coturn's longest answer to a stranger is shorter. */
export const MIN_REQUEST = 120;
const UDP_HEADER = 8;
/** Requests, and new TCP connections, that one address may make. */
const REQUESTS = "limit rate over 100/second burst 300 packets";
const CONNECTIONS = "limit rate over 20/second burst 100 packets";

/** Sets and chain, to be put into a table. */
export function renderIngress({ port, tls }: { port: number; tls: number | null }): string {
  const streams = tls === null ? `${port}` : `{ ${port}, ${tls} }`;
  const set = (name: string, type: string) =>
    `  set ${name} {\n    type ${type}; size 65535; flags dynamic,timeout; timeout 1m\n  }\n`;
  return `${set("asking4", "ipv4_addr")}${set("asking6", "ipv6_addr")}${set("dialling4", "ipv4_addr")}${
    set("dialling6", "ipv6_addr")
  }  chain requests {
    @th,96,32 != 0x2112a442 counter drop
    @th,64,16 & 0x0110 != 0 accept
    udp length < ${UDP_HEADER + MIN_REQUEST} counter drop
    update @asking4 { ip saddr ${REQUESTS} } counter drop
    update @asking6 { ip6 saddr & ffff:ffff:ffff:ffff:: ${REQUESTS} } counter drop
  }
  chain ingress {
    type filter hook input priority filter; policy accept;
    udp dport ${port} @th,64,8 < 0x40 jump requests
    udp dport ${port} @th,64,8 >= 0x80 counter drop
    tcp dport ${streams} tcp flags & (syn | ack) == syn update @dialling4 { ip saddr ${CONNECTIONS} } counter drop
    tcp dport ${streams} tcp flags & (syn | ack) == syn update @dialling6 { ip6 saddr & ffff:ffff:ffff:ffff:: ${CONNECTIONS} } counter drop
  }
`;
}
