import assert from "node:assert/strict";
import { parsePolicy } from "./parse.ts";
import { failedTests, runPolicyTests } from "./tests_run.ts";

const POLICY = `
[groups]
ops = ["ann@x.y", "bob@x.y"]
empty = []
[tags]
web = []
db = []
[hosts]
office = "10.1.1.0/24"
half = "10.1.1.0/25"
[[allow]]
from = ["group:ops", "tag:web"]
to = ["tag:web", "half"]
ports = ["tcp/443", "tcp/8000-8999"]
[[allow]]
from = ["ann@x.y"]
to = ["10.1.1.128/25", "tag:db"]
[[allow]]
from = ["*"]
to = ["self"]
[[allow]]
from = ["office"]
to = ["nas"]
ports = ["icmp"]
`;

function outcome(from: string, expect: string, what: string): string {
  const test = `[[test]]\nfrom = "${from}"\n${expect} = ["${what}"]\n`;
  return failedTests(parsePolicy(POLICY + test)).map((f) => `${f.message}; ${f.mend}`).join();
}

Deno.test("failedTests() accepts what is let through wholly and denies what is not let through at all", () => {
  for (
    const [from, expect, what] of [
      ["ann@x.y", "accept", "tag:web tcp/443"],
      ["group:ops", "accept", "tag:web tcp/8000-8999 tcp/443"],
      ["cat@x.y", "deny", "tag:web"],
      ["ann@x.y", "deny", "tag:web tcp/22 udp icmp"],
      ["ann@x.y", "accept", "office tcp/443"], // two rules together cover it
      ["ann@x.y", "accept", "tag:db"],
      ["cat@x.y", "accept", "self"],
      ["cat@x.y", "accept", "cat@x.y udp/1"],
      ["cat@x.y", "deny", "ann@x.y"],
      ["tag:db", "deny", "self"],
      ["10.1.1.7", "accept", "nas icmp"],
      ["office", "deny", "nas tcp udp"],
      ["10.1.2.0/24", "deny", "nas"],
    ] as const
  ) {
    assert.equal(
      outcome(from, expect, what),
      from === "tag:db" ? 'Test deny "self" names nobody; name somebody who can exist' : "",
    );
  }
});

Deno.test("failedTests() names who, what and the rule at fault", () => {
  assert.equal(
    outcome("ann@x.y", "accept", "tag:web tcp/400-443"),
    'Test accept "tag:web tcp/400-443" fails: "ann@x.y" cannot reach "tag:web" on tcp/400; no rule allows it',
  );
  assert.equal(
    outcome("group:ops", "deny", "tag:web tcp/1-9000"),
    'Test deny "tag:web tcp/1-9000" fails: "group:ops" can reach "tag:web" on tcp/443; line 11 allows it',
  );
  assert.equal(
    outcome("bob@x.y", "accept", "office tcp/443"),
    'Test accept "office tcp/443" fails: "bob@x.y" cannot reach "office" on tcp/443; no rule allows it',
  );
  assert.equal(
    outcome("tag:web", "deny", "office tcp/443"),
    'Test deny "office tcp/443" fails: "tag:web" can reach "office" on tcp/443; line 11 allows it',
  );
  assert.equal(
    outcome("ann@x.y", "accept", "tag:web"),
    'Test accept "tag:web" fails: "ann@x.y" cannot reach "tag:web" on tcp/0; no rule allows it',
  );
  assert.equal(
    outcome("group:empty", "deny", "tag:web"),
    'Test deny "tag:web" names nobody; name somebody who can exist',
  );
});

Deno.test("runPolicyTests() throws at the place of the first failure", () => {
  const policy = parsePolicy(
    `${POLICY}[[test]]\nfrom = "cat@x.y"\ndeny = ["tag:db"]\naccept = ["tag:db", "tag:web"]\n`,
  );
  assert.throws(() => runPolicyTests(policy), { code: "bad_policy", place: "acls.toml:28:11" });
  runPolicyTests(parsePolicy(POLICY));
});
