/**
 * `heap.ts PORT [look|collect|FILE]`, run by itself where a daemon's inspector listens on the loopback: prints what the daemon's heap
 * holds, in bytes, as it is, after a full collection of garbage, or after writing a snapshot of it for Chromium's developer tools.
 */

/** What V8 holds. */
export interface Heap {
  /** Objects of JavaScript. */
  used: number;
  /** What the heap took from the system. */
  total: number;
  /** Memory of ArrayBuffers. */
  buffers: number;
}

interface Answer {
  id?: number;
  method?: string;
  params?: { chunk?: string };
  result?: { usedSize: number; totalSize: number; backingStorageSize?: number };
  error?: { message: string };
}

/** Speaks the inspector's protocol. */
async function inspect(port: string, what: string): Promise<Heap> {
  const [target] = await (await fetch(`http://127.0.0.1:${port}/json`)).json() as { webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(target!.webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error(`No inspector on port ${port}`));
  });
  const waiting = new Map<number, PromiseWithResolvers<Answer>>();
  const chunks: string[] = [];
  socket.onmessage = ({ data }) => {
    const answer = JSON.parse(data as string) as Answer;
    if (answer.method === "HeapProfiler.addHeapSnapshotChunk") chunks.push(answer.params!.chunk!);
    if (answer.id !== undefined) waiting.get(answer.id)?.resolve(answer);
  };
  socket.onclose = () => waiting.forEach(({ reject }) => reject(new Error("The inspector hung up")));
  const call = async (method: string, params = {}) => {
    const answer = Promise.withResolvers<Answer>();
    waiting.set(waiting.size, answer);
    socket.send(JSON.stringify({ id: waiting.size - 1, method, params }));
    const { error, result } = await answer.promise;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result!;
  };
  await call("Runtime.enable");
  if (what !== "look") await call("HeapProfiler.collectGarbage");
  const { usedSize, totalSize, backingStorageSize = 0 } = await call("Runtime.getHeapUsage");
  if (what !== "look" && what !== "collect") {
    await call("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
    await Deno.writeTextFile(what, chunks.join(""));
  }
  socket.onclose = null;
  socket.close();
  return { used: usedSize, total: totalSize, buffers: backingStorageSize };
}

if (import.meta.main) {
  const [port = "", what = "look"] = Deno.args;
  console.log(JSON.stringify(await inspect(port, what)));
}
