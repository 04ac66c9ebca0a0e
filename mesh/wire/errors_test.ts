import assert from "node:assert/strict";
import fc from "fast-check";
import { errorLine, fromProblem, GhostError, toProblem } from "./errors.ts";

Deno.test("line tells place, message and mend", () => {
  const error = new GhostError("bad_config", "Unknown key", {
    place: "ghostmesh.toml:3:1 server.bnd",
    mend: "write bind",
  });
  assert.equal(error.line, "ghostmesh.toml:3:1 server.bnd: Unknown key; write bind");
  assert.equal(new GhostError("timeout", "No answer").line, "No answer");
});

Deno.test("errorLine() is one line without control characters, whatever is thrown", () => {
  assert.equal(errorLine(new GhostError("bad_input", "a\nb\u001b[31m", { place: "\r\n" })), " : a b [31m");
  assert.equal(errorLine(new TypeError("x\ty")), "x y");
  assert.equal(errorLine(new Error("a\u009b2Jb\u2028c\u202ed")), "a 2Jb c d");
  assert.equal(errorLine(undefined), "undefined");
  fc.assert(fc.property(fc.anything({ withNullPrototype: false }), (value) => {
    let text: string;
    try {
      text = String(value);
    } catch {
      return;
    }
    const line = errorLine(text);
    // deno-lint-ignore no-control-regex
    assert.ok(!/[\u0000-\u001f\u007f-\u009f]/.test(line) && line.length <= 2000);
  }));
});

Deno.test("toProblem() is a problem document (RFC 9457) with the code's status", () => {
  const error = new GhostError("ledger_moved", "Expected entry 3", { place: "entry.seq", mend: "sign anew" });
  assert.deepEqual(toProblem(error), {
    type: "urn:ghostmesh:problem:ledger_moved",
    title: "Expected entry 3",
    status: 409,
    detail: "sign anew",
    code: "ledger_moved",
    place: "entry.seq",
  });
  assert.equal(toProblem(new GhostError("unauthorized", "x")).status, 401);
  assert.equal(toProblem(new GhostError("missing_tool", "x")).status, 500);
});

Deno.test("toProblem() tells nothing of what it does not know", () => {
  const problem = toProblem(new Error("password=hunter2", { cause: "secret" }));
  assert.equal(problem.status, 500);
  assert.ok(!JSON.stringify(problem).includes("hunter2"));
  const cause = toProblem(new GhostError("bad_input", "x", { cause: new Error("hunter2") }));
  assert.ok(!JSON.stringify(cause).includes("hunter2"));
});

Deno.test("fromProblem() is the inverse of toProblem()", () => {
  const error = new GhostError("token_expired", "Expired", { place: "--auth", mend: "make a new one" });
  const again = fromProblem(403, JSON.parse(JSON.stringify(toProblem(error))));
  assert.deepEqual([again.code, again.line], [error.code, error.line]);
});

Deno.test("fromProblem() makes something sensible of any body", () => {
  assert.equal(fromProblem(502, "<html>").code, "unreachable");
  assert.equal(fromProblem(404, null).code, "bad_input");
  assert.equal(fromProblem(404, null).message, "The server answered with status 404");
  // A code counts only in our own kind of problem.
  assert.equal(fromProblem(400, { type: "about:blank", code: "revoked", title: "x" }).code, "bad_input");
  const hostile = fromProblem(400, { title: "a\nb\u0007", detail: 5, place: ["x"] });
  assert.equal(hostile.line, "a b ");
  fc.assert(fc.property(fc.integer({ min: 400, max: 599 }), fc.jsonValue(), (status, body) => {
    assert.ok(fromProblem(status, body) instanceof GhostError);
  }));
});
