/**
 * Somebody to talk to, and somebody who talks. `talk.ts serve PORT...` answers what comes over TCP on all addresses, and says
 * `up`. `talk.ts hold HOST PORT` keeps one connection, sends a number ten times a second and says `answered N` for each that
 * comes back.
 */
const [what, ...rest] = Deno.args;

async function serve(ports: number[]): Promise<void> {
  const all = ports.map(async (port) => {
    for await (const connection of Deno.listen({ hostname: "::", port })) {
      void connection.readable.pipeTo(connection.writable).catch(() => {});
    }
  });
  console.log("up");
  await Promise.all(all);
}

async function hold(hostname: string, port: number): Promise<void> {
  const connection = await Deno.connect({ hostname, port });
  console.log("connected");
  const writer = connection.writable.getWriter();
  let n = 0;
  setInterval(() => void writer.write(new TextEncoder().encode(`${++n}\n`)).catch(() => Deno.exit(1)), 100);
  let text = "";
  for await (const chunk of connection.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (text + chunk).split("\n");
    text = lines.pop()!;
    for (const line of lines) console.log(`answered ${line}`);
  }
}

if (what === "serve") await serve(rest.map(Number));
else await hold(rest[0]!, Number(rest[1]));
