/** A proposed change in one line. */
import type { Change } from "../../mesh/wire/proposal.ts";

export function changeText({ kind, body }: Change): string {
  if (kind === "resolve") {
    return `resolve the fork at entry ${body.seq}: keep ${body.keep}, drop ${body.drop.join(", ")}`;
  }
  const { op, name, key, quorum } = body;
  return `${op} admin ${name ? `${name} ` : ""}${key}, quorum ${quorum}`;
}
