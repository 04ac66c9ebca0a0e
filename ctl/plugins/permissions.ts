/** What a plugin may: what its module declares and the user granted, as words and as Deno's flags. */
import { GhostError } from "../../mesh/wire/errors.ts";
import { type Allowed, type Kind, KINDS } from "./manifest.ts";

const WORDS: Record<Kind, string> = {
  state: "ask this machine's daemon about",
  net: "connect to",
  read: "read",
  write: "write",
  env: "read the environment variables",
  run: "run, without any limit on what these programs do,",
};

/** The kinds that a module asks for. */
export function wanted(declared: Allowed): Kind[] {
  return KINDS.filter((kind) => declared[kind].length > 0);
}

/** A line for each kind: `net  connect to api.example.com:443`. */
export function inWords(declared: Allowed, kinds: readonly Kind[] = wanted(declared)): string[] {
  return kinds.map((kind) => `${kind.padEnd(5)}  ${WORDS[kind]} ${declared[kind].join(", ")}`);
}

/** What is declared and granted. */
export function granted(declared: Allowed, kinds: readonly Kind[]): Allowed {
  const allowed = KINDS.map((kind) => [kind, kinds.includes(kind) ? declared[kind] : []] as const);
  return Object.fromEntries(allowed) as Allowed;
}

/**
 * Deno's flags. Some folders stay closed whatever is allowed.
 * @param closed folders that are never opened
 */
export function flags(allowed: Allowed, closed: readonly string[]): string[] {
  const kinds = (["net", "read", "write", "env", "run"] as const).filter((kind) => allowed[kind].length > 0);
  const denied = closed.map((dir) => dir.replaceAll(",", ",,")).join(",");
  return [
    ...kinds.map((kind) => `--allow-${kind}=${allowed[kind].join(",")}`),
    `--deny-read=${denied}`,
    `--deny-write=${denied}`,
  ];
}

/** The kinds that a list of words names; `all` for what is asked for. @throws GhostError `bad_input` */
export function kindsOf(words: readonly string[], declared: Allowed): Kind[] {
  const asked = wanted(declared);
  for (const word of words) {
    if (word === "all" || asked.includes(word as Kind)) continue;
    throw new GhostError("bad_input", `The module does not ask for "${word}"`, {
      place: "--grant",
      mend: `one of: ${[...asked, "all"].join(", ")}`,
    });
  }
  return words.includes("all") ? asked : asked.filter((kind) => words.includes(kind));
}
