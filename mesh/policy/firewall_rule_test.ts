import assert from "node:assert/strict";
import { checkPolicy, parsePolicy } from "./parse.ts";
import { failedTests } from "./tests_run.ts";

const HEAD = '[groups]\nops = ["ann@x.y"]\nnone = []\n[tags]\nweb = []\n[hosts]\nlan = "10.1.1.0/24"\n';
const ROWS = HEAD.split("\n").length - 1;

/** Faults and warnings with lines counted from the rule. */
function told(rule: string): string[] {
  const { faults, warnings } = checkPolicy(`${HEAD}[[firewall]]\n${rule}`);
  return [...faults, ...warnings].map(({ line, column, message, mend }) =>
    `${line - ROWS}:${column} ${message}; ${mend}`
  );
}

Deno.test("readFirewall() reads what it matches and what is done with it", () => {
  const source = `${HEAD}
[[firewall]]
on = ["tag:web", "lan", "nas"]
direction = "in"
from = ["group:ops", "10.2.0.0/16"]
to = ["fd12::/64", "nas"]
ports = ["tcp/22", "icmp"]
action = "limit 10/minute burst 20"
[[firewall]]
on = ["*"]
action = "log"
[[firewall]]
on = ["*"]
action = "limit 5/second"
`;
  const [first, second, third] = parsePolicy(source).firewall;
  assert.deepEqual(first!.on.map(({ text }) => text), ["tag:web", "lan", "nas"]);
  assert.equal(first!.direction, "in");
  assert.deepEqual(first!.from?.map(({ kind }) => kind), ["users", "addresses"]);
  assert.deepEqual(first!.to?.map(({ kind }) => kind), ["addresses", "machine"]);
  assert.deepEqual(first!.ports, { tcp: [[22, 22]], udp: [], icmp: true });
  assert.deepEqual(first!.action, { kind: "limit", rate: 10, per: "minute", burst: 20 });
  const { direction, from, to, ports, action } = second!;
  assert.deepEqual({ direction, from, to, ports, action }, {
    direction: null,
    from: null,
    to: null,
    ports: null,
    action: { kind: "log" },
  });
  assert.deepEqual(third!.action, { kind: "limit", rate: 5, per: "second", burst: 5 });
});

Deno.test("readFirewall() finds each fault at its place, with the offending text and the mend", () => {
  const on = 'on = ["*"]\n', drop = 'action = "drop"\n';
  for (
    const [rule, expected] of [
      [drop, '1:1 [[firewall]] has no "on"; add on = ["*"]'],
      [on, '1:1 [[firewall]] has no "action"; add action = "drop"'],
      [`${on}${drop}port = []`, '4:1 Unknown key "port" in [[firewall]]; did you mean "ports"?'],
      [`${on}${drop}direction = "inn"`, '4:13 Unknown direction "inn"; did you mean "in"?'],
      [
        `${on}${drop}direction = "sideways"`,
        '4:13 Unknown direction "sideways"; write "in" or "out", or leave it out for both',
      ],
      [`${on}action = "dorp"`, '3:10 Unknown action "dorp"; did you mean "drop"?'],
      [`${on}action = "accept"`, '3:10 Unknown action "accept"; write "drop", "log" or "limit 10/second burst 20"'],
      [`${on}action = "limit"`, '3:10 Unknown action "limit"; write "drop", "log" or "limit 10/second burst 20"'],
      [`${on}action = "limit 10/secnd"`, '3:10 Unknown action "limit 10/secnd"; did you mean "second"?'],
      [`${on}action = "limit 10/day"`, '3:10 Unknown action "limit 10/day"; a rate is by second, minute, hour'],
      [
        `${on}action = "limit 0/second"`,
        '3:10 Unknown action "limit 0/second"; write "drop", "log" or "limit 10/second burst 20"',
      ],
      [
        `${on}action = "limit 1/second burst 900000"`,
        '3:10 "limit 1/second burst 900000" is beyond 100000; leave such a limit out',
      ],
      [`${on}action = true`, '3:10 "action" must be a string, not true; write it in quotes'],
      [`on = []\n${drop}`, '2:6 "on" is empty, so the rule matches nothing; write on = ["*"]'],
      [
        `on = ["self"]\n${drop}`,
        '2:7 "self" cannot stand in [[firewall]]; name the machines: "*", a tag, a user or a group',
      ],
      [`on = ["tag:wbe"]\n${drop}`, '2:7 Undefined tag "tag:wbe"; did you mean "tag:web"?'],
      [
        `${on}${drop}from = ["nas"]`,
        `4:9 "nas" is not in [hosts], and a machine's name is its own claim, so it can step out of the rule; give the machine a tag and name that`,
      ],
      [
        `${on}${drop}to = ["10.1.1.1/24"]`,
        '4:7 Bad prefix "10.1.1.1/24": bits are set beyond its length; write "10.1.1.0/24"',
      ],
      [`${on}${drop}ports = []`, '4:9 "ports" is empty, so the rule matches nothing; leave it out for all protocols'],
      [`${on}${drop}ports = ["sctp"]`, '4:10 "sctp": unknown protocol "sctp"; known: tcp, udp, icmp'],
      [
        `on = ["group:none"]\n${drop}`,
        '1:1 This rule never matches: nobody is in its "on" ("group:none"); fill the group, or take the rule out',
      ],
    ] as const
  ) assert.deepEqual(told(rule), [expected], rule);
  assert.deepEqual(told(`${on}${drop}`), []);
});

Deno.test("failedTests() knows what a firewall rule drops, at either end", () => {
  const fails = (firewall: string, test: string) =>
    failedTests(parsePolicy(
      `${HEAD}[[allow]]\nfrom = ["*", "lan"]\nto = ["*", "lan"]\n[[firewall]]\n${firewall}\n[[test]]\nfrom = "ann@x.y"\n${test}\n`,
    )).map(({ message, mend }) => `${message}; ${mend}`);
  const ssh = 'ports = ["tcp/22"]\naction = "drop"';
  assert.deepEqual(fails(`on = ["tag:web"]\n${ssh}`, 'deny = ["tag:web tcp/22"]\naccept = ["tag:web tcp/23"]'), []);
  assert.deepEqual(fails(`on = ["tag:web"]\n${ssh}`, 'accept = ["tag:web tcp"]'), [
    'Test accept "tag:web tcp" fails: "ann@x.y" cannot reach "tag:web" on tcp/22; the firewall rule in line 11 drops it',
  ]);
  assert.deepEqual(fails(`on = ["ann@x.y"]\ndirection = "out"\n${ssh}`, 'deny = ["tag:web tcp/22"]'), []);
  for (
    const other of [
      'on = ["ann@x.y"]\ndirection = "in"',
      'on = ["tag:web"]\ndirection = "out"',
      'on = ["tag:web"]\nfrom = ["bob@x.y"]',
      'on = ["tag:web"]\nto = ["lan"]',
    ]
  ) assert.equal(fails(`${other}\n${ssh}`, 'deny = ["tag:web tcp/22"]').length, 1, other);
  assert.deepEqual(fails('on = ["*"]\nto = ["10.1.1.8/29"]\naction = "drop"', 'deny = ["10.1.1.9"]'), []);
  assert.equal(fails('on = ["*"]\nto = ["10.1.1.8/29"]\naction = "drop"', 'deny = ["lan"]').length, 1);
  assert.deepEqual(fails('on = ["*"]\naction = "limit 1/hour"', 'accept = ["tag:web"]'), []);
});
