/**
 * First packets that come in too small a datagram are not for the QUIC server (SECURITY.md, row 16). RFC 9000 section 14.1 has servers drop
 * an Initial in a datagram of less than 1,200 bytes; quinn does so for the first one only, and answers each further one of a connection
 * that was turned away with 1,200 bytes. The same goes for 0-RTT, which nobody sends here. Several that the kernel has joined (GRO)
 * pass as one, and are answered as one.
 */

/** Bytes of UDP payload that a datagram with an Initial has at least. */
export const MIN_INITIAL = 1_200;
const UDP_HEADER = 8;

/** Lines of a chain, to be put into a table. @param port where QUIC listens */
export function renderInitials(port: number): string[] {
  return [
    `chain initials { type filter hook input priority filter; policy accept;`,
    // A long header, and of its four types the first two (section 17.2).
    `  udp dport ${port} @th,64,8 & 0xa0 == 0x80 udp length < ${UDP_HEADER + MIN_INITIAL} counter drop`,
    `}`,
  ];
}
