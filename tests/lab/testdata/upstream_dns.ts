/** A name server of the world outside: every name under `.test` has the address in the first argument. */
import { Buffer } from "node:buffer";
// @ts-types="@types/dns-packet"
import { decode, encode } from "dns-packet";

const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 53 });
console.log("serving");
for await (const [bytes, from] of socket) {
  const { id = 0, questions = [] } = decode(Buffer.from(bytes));
  const [question] = questions;
  console.log(`asked ${question?.name} ${question?.type}`);
  const known = question?.type === "A" && question.name.endsWith(".test");
  const answers = known ? [{ type: "A" as const, name: question.name, data: Deno.args[0]!, ttl: 0 }] : [];
  await socket.send(new Uint8Array(encode({ type: "response", id, questions, answers })), from);
}
