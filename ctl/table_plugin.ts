/** The verbs about plugins. Part of ctl/table.ts, and as cheap to read. */
import type { CommandSpec } from "./spec.ts";

const sha256 = "8J1Yc0m3mJb0m1oX3vTq2n4l5k6j7h8g9f0d1s2a3sE";

export const PLUGIN_COMMANDS: readonly CommandSpec[] = [
  {
    name: "plugin add",
    summary: "Add verbs of a TypeScript module, with the permissions that it declares and you grant",
    arguments: [{ name: "file", summary: "the module; its default export is a Plugin (ctl/plugins/api.ts)" }],
    options: [{
      name: "grant",
      value: "KIND",
      summary: "what it may of what it asks for: state, net, read, write, env, run, or all",
      repeat: true,
    }],
    details: [
      "Without --grant a module that asks for something is not added; what it asks for is shown. Its verbs run in a process of their own with what was granted and nothing else; what is missing is refused, never asked for. They cannot change the daemon or read its secret and ghostctl's folder, and verbs of ghostctl's own always win.",
      "The hash of its text is kept: a module that has changed is refused until it is added again. A module is one file; what it imports needs the permission to read.",
    ],
    examples: [
      { line: "ghostctl plugin add ctl/plugins/samples/rungs.ts --grant all", what: "the sample of the repository" },
    ],
    json: {
      name: "rungs",
      file: "/home/ann/rungs.ts",
      sha256,
      verbs: ["rungs"],
      asked: { net: [], read: [], write: [], env: [], run: [], state: ["peers"] },
      granted: ["state"],
    },
    load: () => import("./commands/plugin_add.ts"),
  },
  {
    name: "plugin list",
    summary: "List the plugins: modules that were added, and programs ghostctl-NAME on PATH",
    examples: [{ line: "ghostctl plugin list", what: "and what each may" }],
    json: {
      plugins: [{
        name: "rungs",
        kind: "module",
        file: "/home/ann/rungs.ts",
        verbs: ["rungs"],
        granted: ["state"],
        problem: null,
      }],
    },
    load: () => import("./commands/plugin_list.ts"),
  },
  {
    name: "plugin remove",
    summary: "Take a module's verbs out again",
    arguments: [{ name: "name", summary: "as plugin list shows it" }],
    examples: [{ line: "ghostctl plugin remove rungs", what: "its file stays where it lies" }],
    json: { changed: true, name: "rungs" },
    load: () => import("./commands/plugin_remove.ts"),
  },
];
