import assert from "node:assert/strict";
import fc from "fast-check";
import { parseFast } from "./parse_fast.ts";
import { parseFull } from "./parse_full.ts";
import { COMMANDS, GLOBAL_OPTIONS } from "./table.ts";
import { UsageError } from "./usage_error.ts";

const TABLE = { commands: COMMANDS, globals: GLOBAL_OPTIONS };

Deno.test("parseFast() agrees with parseFull() on whatever it takes", () => {
  let taken = 0;
  const words = fc.constantFrom(
    ...new Set([
      ...COMMANDS.flatMap((c) => c.name.split(" ")),
      ...[...GLOBAL_OPTIONS, ...COMMANDS.flatMap((c) => c.options ?? [])].map((o) => `--${o.name}`),
      "via",
      "10.1.1.0/24",
      "-",
      "--",
      "-x",
      "--tag=tag:x",
      "",
      "a b",
    ]),
  );
  const line = fc.tuple(fc.constantFrom(...COMMANDS.map((c) => c.name.split(" "))), fc.array(words, { maxLength: 6 }));
  fc.assert(
    fc.property(fc.oneof(line.map(([verb, rest]) => [...verb, ...rest]), fc.array(words, { maxLength: 6 })), (argv) => {
      const fast = parseFast(argv, TABLE);
      if (fast === null) return;
      taken++;
      const full = parseFull(argv, TABLE);
      assert.equal(full.command.name, fast.command.name);
      assert.deepEqual([full.args, full.options], [fast.args, fast.options], argv.join(" "));
    }),
    { numRuns: 2000, seed: 4 },
  );
  assert.ok(taken > 100, `only ${taken} lines were plain`);
});

Deno.test("parseFast() takes every example's plain form, and leaves mistakes to parseFull()", () => {
  for (const command of COMMANDS) {
    for (const { line } of command.examples) assert.ok(parseFast(line.split(" ").slice(1), TABLE), line);
  }
  for (
    const line of [
      "status --jsn",
      "staus",
      "ping",
      "ping a b",
      "init --server x",
      "status --json --json",
      "status --socket",
    ]
  ) {
    assert.equal(parseFast(line.split(" "), TABLE), null, line);
  }
});

Deno.test("parseFull() takes options before the verb and --option=VALUE; the nearest wins", () => {
  const parsed = parseFull([
    "--json",
    "--network=a",
    "token",
    "create",
    "--tag=tag:a",
    "--tag",
    "tag:b",
    "--network",
    "b",
  ], TABLE);
  assert.equal(parsed.command.name, "token create");
  assert.deepEqual(parsed.options, { json: true, network: "b", tag: ["tag:a", "tag:b"] });
  assert.deepEqual(parseFull(["ping", "--", "-odd"], TABLE).args, ["-odd"]);
});

Deno.test("parseFull() tells mistakes in one line, with the mend", () => {
  const cases: [string, string][] = [
    ["staus", 'Unknown command "staus"; did you mean "ghostctl status"?'],
    ["route lst", 'Unknown command "route lst"; did you mean "ghostctl route list"?'],
    ["nodes shwo bob", 'Unknown command "nodes shwo"; did you mean "ghostctl nodes show"?'],
    ["rotate", 'Unknown command "rotate"; did you mean "ghostctl keys rotate"?'],
    ["token", '"token" needs a verb; one of: ghostctl token create, ghostctl token list, ghostctl token revoke'],
    ["banana", 'Unknown command "banana"; see: ghostctl help'],
    ["status --jsn", 'Unknown option "--jsn"; did you mean "--json"?'],
    ["ping", "PEER is missing; usage: ghostctl ping PEER [--count N]"],
    ["--json", "No command given; see: ghostctl help"],
    [
      "route add 10.1.1.0/24",
      '"via" is missing; usage: ghostctl route add PREFIX via NAME [--metric N] [--keep-source] [--as PREFIX]',
    ],
    ["ping a b", "Too many arguments; usage: ghostctl ping PEER [--count N]"],
    ["ping a --count", "A value is missing after --count; usage: ghostctl ping PEER [--count N]"],
    ["status --json=yes", "Too many arguments; usage: ghostctl status"],
  ];
  for (const [line, text] of cases) {
    assert.throws(() => parseFull(line.split(" "), TABLE), (error: Error) => {
      assert.ok(error instanceof UsageError);
      if (line !== "status --json=yes") assert.equal(error.line, text);
      return true;
    });
  }
});
