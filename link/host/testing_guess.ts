/** Machines that guess, for tests: on either side of a guess. */
import { IceAgent } from "../core/ice/mod.ts";
import type { Hardness } from "../core/nat/kind.ts";
import { stunCrypto } from "./crypto.ts";
import { GuessDesk } from "./guess.ts";
import { PeerGuess } from "./peer_guess.ts";
import { stunServer } from "./testing_stun.ts";

export const NAMED = { type: "srflx" as const, address: "203.0.113.2", port: 51820, priority: 1, foundation: "1" };
const PWD = "p".repeat(24);

/** The easy side, told of the peer's generation `abcd` and of one candidate; `sent` is where it has probed. */
export function easySide(o: { enabled?: boolean; hardness?: Hardness } = {}) {
  const sent: { address: string; port: number }[] = [];
  const answers: string[] = [];
  const agent = new IceAgent({ role: "controlled", tieBreaker: 1n, crypto: stunCrypto });
  agent.handle({ kind: "remoteCredentials", ufrag: "abcd", pwd: PWD, reply: false }, 0);
  let now = 0;
  const guess = new PeerGuess({
    id: "peer",
    desk: new GuessDesk({
      enabled: () => o.enabled ?? true,
      hardness: () => o.hardness ?? "easy",
      server: () => null,
      seen: () => {},
    }),
    crypto: stunCrypto,
    agent,
    send: (to) => sent.push(to),
    datagram: () => {},
    signal: (body) => body.t === "guess-answer" && answers.push(body.say),
    wanted: () => false,
    changed: () => Promise.resolve(),
    began: () => {},
    failed: () => {},
    note: () => {},
    rearm: () => {},
    now: () => now,
  });
  guess.named([NAMED], { ufrag: "abcd", offer: true });
  const second = () => {
    for (const end = now + 1000; now < end; now++) guess.tick();
  };
  return { guess, sent, second, answers };
}

export const told = (more = {}) => ({ t: "guess" as const, ufrag: "abcd", address: NAMED.address, row: null, ...more });

export const NEAR = { ...NAMED, address: "127.0.0.1", port: 9 };

type Said = { to: string; t: string };

/** Peers of one machine behind a hard NAT, each with an attempt of ICE under way; `said` is what they were told. */
export function hardMachine<Name extends string>(names: readonly Name[]) {
  const server = stunServer();
  const known = { serverKnown: true, wanted: null as Name | null };
  const desk = new GuessDesk({
    enabled: () => true,
    hardness: () => "hard",
    server: () => known.serverKnown ? server.at : null,
    seen: () => {},
  });
  const said: Said[] = [];
  let now = 0;
  let news = Promise.withResolvers<void>();
  const peers = names.map((name) => {
    const agent = new IceAgent({ role: "controlled", tieBreaker: 1n, crypto: stunCrypto });
    const failed: string[] = [];
    const guess = new PeerGuess({
      ...{
        id: name,
        desk,
        crypto: stunCrypto,
        agent,
        send: () => {},
        datagram: () => {},
        began: () => {},
        rearm: () => {},
        wanted: () => name === known.wanted,
      },
      signal: ({ t }) => {
        said.push({ to: name, t });
        news.resolve();
        news = Promise.withResolvers();
      },
      changed: () => Promise.resolve(),
      failed: () => failed.push(name),
      note: () => {},
      now: () => now,
    });
    agent.handle({ kind: "remoteCredentials", ufrag: "abcd", pwd: PWD, reply: false }, 0);
    guess.named([NEAR], { ufrag: "abcd", offer: true });
    guess.iceState("checking");
    const answer = (say: "yes" | "hard" | "busy") => guess.signal({ t: "guess-answer", ufrag: agent.local.ufrag, say });
    return [name, { guess, answer, failed }] as const;
  });
  const all = peers.map(([, { guess }]) => guess);
  const pass = (ms: number) => {
    for (const end = now + ms; now < end; now += 10) for (const guess of all) guess.tick();
  };
  return Object.assign(known, {
    ...Object.fromEntries(peers) as Record<Name, (typeof peers)[number][1]>,
    said,
    pass,
    /** The next word to any of them. */
    news: () => news.promise,
    async [Symbol.asyncDispose]() {
      for (const guess of all) guess.close();
      await server[Symbol.asyncDispose]();
    },
  });
}
