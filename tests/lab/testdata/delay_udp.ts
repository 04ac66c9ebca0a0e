/**
 * Distance in front of a program on this host: what comes to UDP port N+100 reaches N on the loopback some milliseconds later,
 * and answers come back as late. `delay_udp.ts MS PORT...`; nftables leads PORT there (tests/lab/gates_test.ts).
 */
const [delay, ...ports] = Deno.args.map(Number);
const later = (send: () => Promise<unknown>) => void setTimeout(() => void send().catch(() => {}), delay);

async function serve(port: number): Promise<void> {
  const outer = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: port + 100 });
  const inner = new Map<string, Deno.DatagramConn>();
  for await (const [bytes, from] of outer) {
    const key = JSON.stringify(from);
    let socket = inner.get(key);
    if (!socket) {
      socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
      inner.set(key, socket);
      void answers(socket, (answer) => outer.send(answer, from));
    }
    const own = socket;
    later(() => own.send(bytes, { transport: "udp", hostname: "127.0.0.1", port }));
  }
}

async function answers(socket: Deno.DatagramConn, send: (bytes: Uint8Array) => Promise<unknown>): Promise<void> {
  for await (const [bytes] of socket) later(() => send(bytes));
}

console.log("delaying");
await Promise.all(ports.map(serve));
