import assert from "node:assert/strict";
import { Command } from "@commander-js/extra-typings";
import { oneLineUsage, usageExitCode } from "./usage.ts";

/** What a program of one subcommand says on standard error, and its exit code. */
function said(...argv: string[]): [text: string, code: number] {
  let text = "";
  const program = oneLineUsage(new Command("ghosttest"), "ghosttest").allowExcessArguments(false);
  program.configureOutput({ writeErr: (part) => text += part, writeOut: () => {} });
  program.command("join").requiredOption("--auth <token>").option("--name <name>").action(() => {});
  try {
    program.parse(argv, { from: "user" });
    return [text, 0];
  } catch (error) {
    return [text, usageExitCode(error)];
  }
}

Deno.test("wrong usage is one line that names the fault and the mend", () => {
  assert.deepEqual(said("join", "--auth", "x"), ["", 0]);
  assert.deepEqual(said("--help"), ["", 0]);
  assert.deepEqual(said("join"), [
    'ghosttest: Required option "--auth <token>" not specified; see: ghosttest --help\n',
    2,
  ]);
  assert.deepEqual(said("join", "--auth", "x", "--nam", "y"), [
    'ghosttest: Unknown option "--nam"; did you mean "--name"?\n',
    2,
  ]);
  assert.deepEqual(said("jion"), ['ghosttest: Unknown command "jion"; did you mean "join"?\n', 2]);
  assert.match(
    said("join", "--auth", "x", "more")[0],
    /^ghosttest: Too many arguments [^\n]*; see: ghosttest --help\n$/,
  );
});

Deno.test("what is not commander's is thrown on", () => {
  assert.throws(() => usageExitCode(new TypeError("x")), TypeError);
});
