import assert from "node:assert/strict";
import { nearest } from "./nearest.ts";

Deno.test("nearest() finds a misspelt word and leaves a strange one alone", () => {
  const verbs = ["status", "peers", "ping", "route", "version"];
  assert.equal(nearest("staus", verbs), "status");
  assert.equal(nearest("pign", verbs), "ping");
  assert.equal(nearest("ROUTE", verbs), "route");
  assert.equal(nearest("banana", verbs), undefined);
  assert.equal(nearest("x", []), undefined);
});
