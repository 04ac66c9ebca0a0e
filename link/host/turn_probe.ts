/**
 * Which transports to a gate's TURN service get through: an Allocate without credentials, which every server refuses with a
 * challenge (401), so that nothing is allocated and none are needed.
 */
import { equalBytes } from "../../mesh/wire/encoding.ts";
import { encodeStun, field, FILLER, REQUESTED_TRANSPORT, SOFTWARE, tryDecodeStun } from "../../mesh/wire/stun/mod.ts";
import { ALLOCATE } from "../core/turn/client.ts";
import { turnCrypto } from "./turn_crypto.ts";
import { openTurnPipe, type TurnServer } from "./turn_pipe.ts";

/** How long a server may take, in ms, and how often it is asked over UDP. */
const PATIENCE = 1_500;
const ASK_EVERY = 400;

/** The transports that a server answers on, by whichever of its addresses. */
export async function probeTurn(servers: readonly TurnServer[]): Promise<TurnServer["transport"][]> {
  const answers = await Promise.all(servers.map(answersOn));
  return [...new Set(servers.filter((_, i) => answers[i]).map(({ transport }) => transport))];
}

async function answersOn(server: TurnServer): Promise<boolean> {
  const answer = Promise.withResolvers<boolean>();
  const transaction = turnCrypto.random(12);
  const events = {
    message: (bytes: Uint8Array) => {
      const message = tryDecodeStun(bytes);
      if (message && equalBytes(message.transaction, transaction)) answer.resolve(true);
    },
    closed: () => answer.resolve(false),
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const pipe = await openTurnPipe(server, events, { timeout: PATIENCE });
    const fields = [field(REQUESTED_TRANSPORT, 17), field(SOFTWARE, FILLER.allocate)];
    const bytes = encodeStun({ class: "request", method: ALLOCATE, transaction, fields, fingerprint: true });
    pipe.send(bytes);
    const again = server.transport === "udp" ? setInterval(() => pipe.send(bytes), ASK_EVERY) : undefined;
    timer = setTimeout(() => answer.resolve(false), PATIENCE);
    try {
      return await answer.promise;
    } finally {
      clearInterval(again);
      pipe.close();
    }
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
