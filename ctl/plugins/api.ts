/**
 * What a typed plugin of ghostctl is: one TypeScript module whose default export is a `Plugin`. It runs in a process of its own
 * with what it declares and the user granted, and nothing else. Types alone: importing this file costs a plugin nothing.
 *
 * @example
 * ```ts
 * import type { Plugin } from "./api.ts";
 *
 * export default {
 *   name: "direct",
 *   permissions: { state: ["peers"] },
 *   verbs: [{
 *     name: "direct",
 *     summary: "List the machines that are reached directly",
 *     examples: [{ line: "ghostctl direct", what: "their names" }],
 *     json: { peers: ["bob"] },
 *     async run({ peers }) {
 *       const names = (await peers()).filter((p) => p.path.rung === "direct").map((p) => p.name);
 *       return { json: { peers: names }, text: names.join("\n") };
 *     },
 *   }],
 * } satisfies Plugin;
 * ```
 */
import type { LocalPeer, LocalStatus } from "../../mesh/wire/local.ts";
import type { CommandSpec } from "../spec.ts";

export type { LocalPeer, LocalStatus };

/** What the daemon may be asked about, by name. */
export const STATE = ["status", "peers"] as const;
export type State = (typeof STATE)[number];

/** What a module wants to do. Whatever is not here is refused, and so is what the user did not grant. */
export interface Permissions {
  /** Hosts to connect to: `api.example.com:443`, `192.0.2.1`. */
  net?: readonly string[];
  /** Files and folders to read, absolute. */
  read?: readonly string[];
  /** Files and folders to write, absolute. */
  write?: readonly string[];
  /** Names of environment variables. */
  env?: readonly string[];
  /** Programs to run, absolute; what they do is not held by any of these. */
  run?: readonly string[];
  /** What to ask the daemon about; it can change nothing there. */
  state?: readonly State[];
}

/** What a verb's code is called with. */
export interface Context {
  args: readonly string[];
  /** By name: a text, a list, or true for a switch. */
  options: Readonly<Record<string, string | readonly string[] | true>>;
  /** Whether the answer is for programs. */
  json: boolean;
  /** What `ghostctl status --json` prints. @throws Error when it was not declared or granted, or no daemon answers */
  status(): Promise<LocalStatus>;
  /** The list of `ghostctl peers --json`. @throws Error as `status` */
  peers(): Promise<LocalPeer[]>;
  /** A line on standard error, beside the answer. */
  remark(text: string): void;
}

/** `json` is printed with `--json`, with `"version": 1` before it; `text` otherwise. */
export interface Answer {
  json: Record<string, unknown>;
  text: string;
  /** The exit code (0). */
  code?: number;
}

/** A verb as ghostctl's own are described; its name is the plugin's, or that and a second word: `direct`, `direct list`. */
export interface PluginVerb extends Omit<CommandSpec, "load" | "complete" | "live" | "examples"> {
  /** At least one; each begins with `ghostctl` and the verb's name. */
  examples: readonly { line: string; what: string }[];
  run(context: Context): Answer | Promise<Answer>;
  /** Candidates for the last of the words after the verb, which may be empty or a part; within two seconds. */
  complete?(words: readonly string[], context: Pick<Context, "status" | "peers">): string[] | Promise<string[]>;
}

/** A module's default export. */
export interface Plugin {
  /** The first word of its verbs; no verb of ghostctl's own. */
  name: string;
  permissions?: Permissions;
  verbs: readonly PluginVerb[];
}
