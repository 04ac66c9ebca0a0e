/** Files that somebody names on the command line. */
import { GhostError } from "../../mesh/wire/errors.ts";

/** Reads a text file. @throws GhostError `bad_input` with the mend */
export async function readGiven(path: string, mend: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new GhostError("bad_input", "Cannot read this file", { place: path, mend, cause });
  }
}
