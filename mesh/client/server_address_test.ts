import assert from "node:assert/strict";
import type { GhostError } from "../wire/errors.ts";
import { hostOf, parseServer, portOf, serverText } from "./server_address.ts";

Deno.test("parseServer() takes hosts, ports, literals and URLs; https and 7777 unless said", () => {
  const cases: [string, string][] = [
    ["mesh.example.com", "https://mesh.example.com:7777"],
    ["mesh.example.com:443", "https://mesh.example.com:443"],
    ["https://mesh.example.com:443/", "https://mesh.example.com:443"],
    ["https://mesh.example.com", "https://mesh.example.com:7777"],
    ["http://127.0.0.1:80", "http://127.0.0.1:80"],
    ["http://localhost", "http://localhost:7777"],
    ["10.0.0.1", "https://10.0.0.1:7777"],
    ["::1", "https://[::1]:7777"],
    ["[fd00::1]:99", "https://[fd00::1]:99"],
    ["[fd00::1]", "https://[fd00::1]:7777"],
    [" Host ", "https://host:7777"],
  ];
  for (const [typed, text] of cases) {
    const url = parseServer(typed);
    assert.equal(serverText(url), text);
    assert.equal(serverText(parseServer(serverText(url))), text);
  }
  assert.equal(hostOf(parseServer("::1")), "::1");
  assert.equal(portOf(parseServer("a:443")), 443);
});

Deno.test("parseServer() refuses what is no server's address", () => {
  for (
    const bad of [
      "",
      " ",
      "a b",
      "ftp://a",
      "https://u:p@a",
      "https://a/path",
      "https://a?x",
      "a:0",
      "a:70000",
      "https://",
      "a:b:c",
    ]
  ) {
    assert.throws(() => parseServer(bad), (e: GhostError) => e.code === "bad_input", bad);
  }
});
