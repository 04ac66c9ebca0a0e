/** One TCP connection through which a number comes every 20 ms: whether a session keeps its streams while something happens. */
import type { Host } from "./lab.ts";
import type { Process } from "./process.ts";

const SERVER = `
for await (const conn of Deno.listen({ hostname: "0.0.0.0", port: 8081 })) {
  console.log("accepted");
  let n = 0;
  const timer = setInterval(() => conn.write(new TextEncoder().encode(++n + "\\n")).catch(() => clearInterval(timer)), 20);
}`;
const CLIENT = `
const conn = await Deno.connect({ hostname: Deno.args[0], port: 8081 });
for await (const text of conn.readable.pipeThrough(new TextDecoderStream())) await Deno.stdout.write(new TextEncoder().encode(text));
console.log("closed");`;

/** A stream from one host to another. */
export class Stream {
  readonly #client: Process;
  readonly #server: Process;

  private constructor(client: Process, server: Process) {
    this.#client = client;
    this.#server = server;
  }

  /** Opens it and waits for the first number. */
  static async open(from: Host, to: Host, address: string): Promise<Stream> {
    const program = ["run", "--quiet", "--no-prompt", "--no-config", "--allow-net"];
    await from.write("stream_server.ts", SERVER);
    await to.write("stream_client.ts", CLIENT);
    const server = from.spawn("stream server", [Deno.execPath(), ...program, "stream_server.ts"]);
    await from.sh("until ss -Hltn 'sport = :8081' | grep -q .; do sleep 0.05; done");
    const client = to.spawn("stream client", [Deno.execPath(), ...program, "stream_client.ts", address]);
    await client.line(/^1$/);
    return new Stream(client, server);
  }

  /** Waits for a number that comes from now on. */
  async goesOn(): Promise<void> {
    await this.#client.line(/^\d+$/, { from: this.#client.lines.length, timeout: 60_000 });
  }

  /** Whether every number came once and in order over one connection, and the longest time between two, in ms. */
  judge(): { whole: boolean; longestGapMs: number } {
    const { lines } = this.#client;
    let longestGapMs = 0;
    for (let i = 1; i < lines.length; i++) longestGapMs = Math.max(longestGapMs, lines[i]!.at - lines[i - 1]!.at);
    const accepted = this.#server.lines.filter(({ text }) => text === "accepted").length;
    return { whole: accepted === 1 && lines.every(({ text }, i) => text === String(i + 1)), longestGapMs };
  }
}
