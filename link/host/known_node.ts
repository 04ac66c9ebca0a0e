/** A node as this machine treats it, and what becomes of its claims beside those of others. */
import type { Ledger } from "../../mesh/trust/ledger.ts";
import type { VerifiedNode } from "../../mesh/trust/record.ts";

/**
 * A node as this machine treats it: name, IPv4 address and WireGuard key are claims, and a claim that came second counts for
 * nothing. (A record does not prove that its node has the WireGuard key, so a member could name a peer's key as its own.)
 */
export interface KnownNode {
  verified: VerifiedNode;
  id: string;
  name: string;
  ipv4: string | null;
  ipv6: string;
  /** False when another node named its WireGuard key first: it is not configured. */
  keyed: boolean;
}

/** What counts of a node's claims beside the others that are known. */
export function claim(verified: VerifiedNode, known: Iterable<KnownNode>, ledger: Ledger): KnownNode {
  const others = [...known].filter((n) => n.id !== verified.id);
  const settled = ledger.nodeSettings(verified.id);
  const free = (own: string | null, key: "name" | "ipv4", fixed: unknown) =>
    fixed !== undefined || !others.some((n) => n[key] === own);
  return {
    verified,
    id: verified.id,
    name: free(verified.name, "name", settled?.name) ? verified.name : verified.id,
    ipv4: free(verified.record.ipv4, "ipv4", settled?.ipv4) ? verified.record.ipv4 : null,
    ipv6: verified.record.ipv6,
    keyed: !others.some((n) => n.keyed && sharesKey(n.verified, verified)),
  };
}

/**
 * Sets nodes anew by records that were checked again: first each lets go of what it no longer claims, then each takes what is
 * free. Who held something keeps it.
 */
export function reclaim(nodes: Map<string, KnownNode>, again: readonly VerifiedNode[], ledger: Ledger): void {
  for (const verified of again) nodes.set(verified.id, release(nodes.get(verified.id)!, verified));
  for (const verified of again) nodes.set(verified.id, claim(verified, nodes.values(), ledger));
}

/** A node that holds, of what it held, only what it still claims. */
function release(known: KnownNode, verified: VerifiedNode): KnownNode {
  return {
    ...known,
    verified,
    name: known.name === verified.name ? known.name : known.id,
    ipv4: known.ipv4 === verified.record.ipv4 ? known.ipv4 : null,
  };
}

function sharesKey(a: VerifiedNode, b: VerifiedNode): boolean {
  const keys = new Set([a.record.wg, a.record.wgNext]);
  return keys.has(b.record.wg) || (b.record.wgNext !== undefined && keys.has(b.record.wgNext));
}

/** One of these by name, full name, id or address. */
export function findNode(nodes: Iterable<KnownNode>, text: string, suffix: string): KnownNode | undefined {
  const name = text.toLowerCase();
  return [...nodes].find((n) => [n.name, `${n.name}.${suffix}`, n.id, n.ipv4, n.ipv6].includes(name));
}
