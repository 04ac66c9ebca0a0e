/**
 * What stands around a plugin's module in its own process. The main thread passes lines between ghostctl and a worker, and the
 * module is loaded in that worker: what a worker imports, even statically, needs the permission to read it, which is not so
 * in the main thread.
 *
 * A frame is a line that begins with U+0001 and is JSON. To the module: `{source, action, ...}` once, then `{id, answer}` or
 * `{id, refused}`. From it: `{ask, id}`, `{remark}`, `{print}`, and at last `{done}` or `{failed, capable}`.
 */
import { encodeBase64 } from "@std/encoding/base64.js";

export const FRAME = "\u0001";

const WORKER = `
const post = (frame) => self.postMessage(frame);
const text = (args) => args.map((a) => typeof a === "string" ? a : Deno.inspect(a)).join(" ");
for (const name of ["log", "info", "debug"]) console[name] = (...args) => post({ print: text(args) });
for (const name of ["warn", "error"]) console[name] = (...args) => post({ remark: text(args) });
Deno.exit = self.close = (code) => { post({ done: { json: {}, text: "", code: code ?? 0 } }); throw new Error("exit"); };
const waiting = new Map();
let next = 0;
const ask = (what) => () => new Promise((resolve, reject) => {
  waiting.set(++next, { resolve, reject });
  post({ ask: what, id: next });
});
const plain = (value) => JSON.parse(JSON.stringify(value ?? null));
async function act({ source, action, verb, words, args, options, json }) {
  const { default: plugin } = await import(source);
  if (typeof plugin !== "object" || plugin === null) throw new Error("The module has no default export that is a plugin");
  if (action === "describe") {
    const verbs = Array.isArray(plugin.verbs) ? plugin.verbs : [];
    for (const v of verbs) if (typeof v?.run !== "function") throw new Error("A verb has no function run");
    return plain({ ...plugin, verbs: verbs.map((v) => ({ ...v, completes: typeof v.complete === "function" })) });
  }
  const found = plugin.verbs.find((v) => v.name === verb);
  const state = { status: ask("status"), peers: ask("peers") };
  if (action === "complete") return plain(await found.complete(words, state));
  return plain(await found.run({ args, options, json, ...state, remark: (line) => post({ remark: String(line) }) }));
}
self.onmessage = async ({ data }) => {
  const one = waiting.get(data.id);
  if (one) {
    waiting.delete(data.id);
    return data.refused === undefined ? one.resolve(data.answer) : one.reject(new Error(data.refused));
  }
  try {
    post({ done: await act(data) });
  } catch (error) {
    const message = String(error?.message ?? error);
    post({ failed: message, capable: !(error instanceof Deno.errors.NotCapable || /^Requires \\w+ access/.test(message)) });
  }
};
`;

const MAIN = (worker: string) => `
const worker = new Worker(${JSON.stringify(worker)}, { type: "module" });
const encoder = new TextEncoder();
let last = Promise.resolve();
const tell = (frame) => {
  const bytes = encoder.encode("\\u0001" + JSON.stringify(frame) + "\\n");
  last = last.then(async () => { for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at)); });
  if ("done" in frame || "failed" in frame) last.then(() => Deno.exit(0));
};
worker.onmessage = ({ data }) => tell(data);
worker.onerror = (event) => {
  event.preventDefault();
  tell({ failed: event.message, capable: true });
};
let rest = "";
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + chunk).split("\\n");
  rest = lines.pop();
  for (const line of lines) worker.postMessage(JSON.parse(line));
}
Deno.exit(0);
`;

const asUrl = (type: string, text: string) => `data:${type};base64,${encodeBase64(text)}`;

/** The main module of a plugin's process. */
export function mainModule(): string {
  return asUrl("application/javascript", MAIN(asUrl("application/javascript", WORKER)));
}

/** A plugin's text as the module that the worker imports. */
export function moduleOf(source: string): string {
  return asUrl("application/typescript", source);
}
