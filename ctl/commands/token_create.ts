/** `ghostctl token create`: a grant in the ledger, and its private key as a join token. */
import { signingKeyFromSeed } from "../../mesh/trust/keys.ts";
import type { GrantBody } from "../../mesh/wire/ledger.ts";
import { tag } from "../../mesh/wire/schema.ts";
import { encodeToken } from "../../mesh/wire/token.ts";
import { parseDuration } from "../admin/duration.ts";
import { hashOfPem, random, rfc3339, unixTime } from "../admin/host.ts";
import { AdminNetwork } from "../admin/network.ts";
import { remarkUnknownTags } from "../admin/tags.ts";
import type { Call } from "../call.ts";

export async function run(call: Call): Promise<void> {
  const wish = readOptions(call);
  const network = await AdminNetwork.open(call);
  const key = await signingKeyFromSeed(random(32));
  const grant: GrantBody = {
    key: key.public,
    tags: wish.tags,
    prefixes: [],
    ephemeral: wish.ephemeral,
    gate: wish.gate,
    expires: wish.seconds === null ? null : unixTime() + wish.seconds,
    uses: wish.uses,
  };
  const { ledger } = await network.change((ledger) => {
    remarkUnknownTags(call, wish.tags, ledger);
    return { kind: "grant", body: grant };
  });
  const { server, ca } = network.known;
  const token = encodeToken({
    server,
    ...(ca === null ? {} : { ca: await hashOfPem(ca) }),
    net: ledger.network.id,
    head: ledger.head,
    key: key.seed,
  });
  const expires = grant.expires === null ? null : rfc3339(grant.expires);
  const { tags, ephemeral, gate, uses } = grant;
  call.out.answer(
    { token, grant: { key: key.public, tags, ephemeral, gate, uses, expires }, ledgerSeq: ledger.head.seq },
    () => token,
  );
  const what = uses === 1 ? (gate ? "one gate" : "one machine") : `${uses} ${gate ? "gates" : "machines"}`;
  call.out.remark(
    `this token admits ${what} ${expires ? `until ${expires}` : "without end"}; whoever holds it can join`,
  );
}

function readOptions(call: Call) {
  const gate = call.flag("gate");
  const ephemeral = call.flag("ephemeral");
  const tags = [...new Set(call.all("tag"))];
  for (const text of tags) {
    if (!tag.safeParse(text).success) throw call.bad("tag", `Expected a tag such as tag:web, got "${text}"`);
  }
  if (tags.length > 32) throw call.bad("tag", "At most 32 tags");
  if (gate && (ephemeral || tags.length)) throw call.bad("gate", "A gate has no tags and is not ephemeral");
  const text = call.text("expires") ?? "24h";
  const seconds = text === "never" ? null : parseDuration(text);
  if (seconds === null && text !== "never") {
    throw call.bad("expires", `Expected a time such as 24h or 7d, got "${text}"`);
  }
  return { gate, ephemeral, tags, seconds, uses: call.count("uses", { min: 1, max: 1_000_000, otherwise: 1 }) };
}
