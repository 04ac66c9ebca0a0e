/** The groups of this machine. */
import { GhostError } from "../../mesh/wire/errors.ts";

/**
 * Number of a group by its name.
 * @throws GhostError `bad_config` when there is none
 */
export async function groupNumber(name: string, file = "/etc/group"): Promise<number> {
  const text = await Deno.readTextFile(file);
  for (const line of text.split("\n")) {
    const [group, , number] = line.split(":");
    if (group === name && /^\d{1,9}$/.test(number ?? "")) return Number(number);
  }
  throw new GhostError("bad_config", `There is no group "${name}" on this machine`, {
    place: "link.group",
    mend: `make it with: groupadd ${name}`,
  });
}
