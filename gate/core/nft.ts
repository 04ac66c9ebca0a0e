/** What the gate's own nftables tables have in common. */

/** A transaction that removes a table of ours, there or not. */
export function removeTable(table: string): string {
  return `add table inet ${table}\ndelete table inet ${table}\n`;
}
