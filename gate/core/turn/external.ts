/**
 * A gate behind a one-to-one NAT, as clouds have them: its interfaces have a private address, and everybody else knows another
 * one. coturn has to put that one into its answers (`external-ip`), else peers are sent to an address that nobody reaches.
 */
import ipaddr from "ipaddr.js";

/** An address of the host, and what others call it. */
export interface ExternalAddress {
  public: string;
  own: string;
}

/** Where a machine is reached that has another address itself. */
export interface ExternalAddresses {
  known: ExternalAddress[];
  /** Addresses of which nobody can tell which own one is behind them. */
  unclear: string[];
}

/** @param o.advertised addresses that nodes use; `own`: those that the relay listens on */
export function externalAddresses(o: { advertised: readonly string[]; own: readonly string[] }): ExternalAddresses {
  const own = o.own.map((text) => ipaddr.process(text));
  const texts = new Set(own.map((address) => address.toString()));
  const known: ExternalAddress[] = [];
  const unclear: string[] = [];
  for (const kind of ["ipv4", "ipv6"] as const) {
    const foreign = [
      ...new Set(o.advertised.map((text) => ipaddr.process(text)).filter((a) => a.kind() === kind).map(String)),
    ]
      .filter((text) => !texts.has(text));
    const mine = own.filter((address) => address.kind() === kind);
    if (foreign.length === 1 && mine.length === 1) known.push({ public: foreign[0]!, own: mine[0]!.toString() });
    else if (mine.length > 0) unclear.push(...foreign);
  }
  return { known, unclear };
}
