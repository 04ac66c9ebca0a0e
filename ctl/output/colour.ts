/** Whether answers are coloured. */

/**
 * NO_COLOR (not empty) turns colour off, FORCE_COLOR or CLICOLOR_FORCE (neither empty nor 0) turns it on; otherwise it is for
 * terminals that are not dumb.
 */
export function wantsColour({ terminal, env }: { terminal: boolean; env(name: string): string | undefined }): boolean {
  if (env("NO_COLOR")) return false;
  if (["FORCE_COLOR", "CLICOLOR_FORCE"].some((name) => !["", "0", undefined].includes(env(name)))) return true;
  return terminal && env("TERM") !== "dumb";
}
