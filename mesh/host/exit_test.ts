import assert from "node:assert/strict";

Deno.test("outliveStrays() logs a failure that nobody waits for, and the program goes on", async () => {
  const module = new URL("./exit.ts", import.meta.url).href;
  const code = `
    import { outliveStrays } from "${module}";
    outliveStrays({ error: (text, fields) => console.log(text, fields.why) });
    Promise.reject(new Error("forgotten"));
    setTimeout(() => console.log("still here"), 50);
  `;
  const { code: exit, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--no-lock", code],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const said = new TextDecoder().decode(stdout);
  assert.equal(exit, 0, said);
  assert.match(said, /goes on.*forgotten[\s\S]*still here/);
});
