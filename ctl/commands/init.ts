/** `ghostctl init`: found a network on a coordinator that waits for its set-up. */
import { STARTER_POLICY } from "../../mesh/policy/starter.ts";
import { DEFAULT_IPV4 } from "../../mesh/trust/address.ts";
import { GhostError } from "../../mesh/wire/errors.ts";
import { label, prefix } from "../../mesh/wire/schema.ts";
import { Founding, type Wish } from "../admin/found.ts";
import { readStdin } from "../admin/host.ts";
import { checkSource, policyBody, readPolicyFile } from "../admin/policy_file.ts";
import { NetworkStore } from "../admin/store.ts";
import type { Call } from "../call.ts";
import { printable } from "../output/text.ts";

type PolicySource = "file" | "draft" | "starter";

export async function run(call: Call): Promise<void> {
  const wish = readWish(call);
  const file = call.text("acls");
  if (file !== undefined && call.text("accept-draft") !== undefined) {
    throw call.bad("accept-draft", "Not together with --acls: a network begins with one policy");
  }
  const own = file === undefined ? null : await readPolicyFile(file, call);
  const typed = call.text("setup")!;
  const code = typed === "-" ? await readStdin() : typed;
  const store = await NetworkStore.open(call, { create: true });
  const founding = await Founding.begin({ server: call.text("server")!, code, store });

  let known = await founding.finished();
  let chosen: PolicySource | undefined;
  if (known === null) {
    const policy = own === null ? await withoutFile(founding, call) : { ...own, from: "file" as const };
    if (policy.from === "starter") {
      const path = await store.keepPolicy(wish.name, policy.source);
      const where = path === null ? "" : `; to change it, edit ${path} and type: ghostctl policy push ${path}`;
      call.out.remark(`no --acls: signing the starter policy, by which all members reach each other${where}`);
    }
    chosen = policy.from;
    known = await founding.prepare(wish, policyBody(policy));
    await founding.claim(known);
  }
  const done = await founding.finish(known);
  report(call, { ...done, chosen });
}

function readWish(call: Call): Wish {
  const name = call.text("name") ?? "home";
  if (!label.safeParse(name).success) throw call.bad("name", `Expected a name of a-z, 0-9 and -, got "${name}"`);
  const suffix = call.text("suffix") ?? `${name}.ghost`;
  if (suffix.length > 253 || !suffix.split(".").every((part) => label.safeParse(part).success)) {
    throw call.bad("suffix", `Expected a DNS suffix such as home.ghost, got "${suffix}"`);
  }
  const quorum = call.count("quorum", { min: 1, max: 64, otherwise: 1 });
  if (quorum > 1) {
    throw new GhostError(
      "not_supported",
      `A quorum of ${quorum} needs as many admins, and a network is founded by one`,
      {
        place: "--quorum",
        mend: "leave it out",
      },
    );
  }
  const ipv4 = call.text("ipv4") ?? DEFAULT_IPV4;
  if (!prefix.safeParse(ipv4).success) {
    throw call.bad("ipv4", `Expected a prefix such as ${DEFAULT_IPV4}, got "${ipv4}"`);
  }
  return { name, suffix, ipv4, quorum };
}

/** The policy when none was named: the coordinator's draft if it has one and its hash was accepted, else the starter. */
async function withoutFile(
  founding: Founding,
  call: Call,
): Promise<{ source: string; files: Record<string, string>; from: PolicySource }> {
  const accepted = call.text("accept-draft");
  const draft = await founding.draft();
  if (draft === null) {
    if (accepted !== undefined) {
      throw new GhostError("not_found", "The coordinator serves no policy draft", {
        place: "--accept-draft",
        mend: "leave it out, or name a file with --acls",
      });
    }
    return { source: STARTER_POLICY, files: {}, from: "starter" };
  }
  if (draft.sha256 === accepted) {
    // A draft comes from the coordinator, so it names no files of this machine: their content would be for all to read.
    checkSource(draft.source, { file: "draft", files: {}, call });
    return { source: draft.source, files: {}, from: "draft" };
  }
  const { source, sha256 } = draft;
  call.out.answer({ draft: { source, sha256 } }, () => printable(source, { lines: true }));
  throw new GhostError(
    "bad_policy",
    accepted === undefined
      ? "The coordinator serves the policy draft above, and only you can sign it"
      : "The coordinator's policy draft has another hash than the one accepted",
    { mend: `read it, then add --accept-draft ${sha256}, or name a file of your own with --acls` },
  );
}

function report(
  call: Call,
  { known, ledger, chosen }: Awaited<ReturnType<Founding["finish"]>> & { chosen: PolicySource | undefined },
): void {
  call.out.answer(
    {
      network: { ...pick(ledger.network), server: known.server },
      admin: { key: known.admin.public },
      // Of a network that an earlier try founded it is no longer known where its policy came from.
      policy: { source: chosen ?? null },
      ledgerSeq: ledger.head.seq,
    },
    () =>
      [
        `network ${ledger.network.name} founded: ${ledger.network.id}`,
        "next, a gate and machines:",
        `  ghostctl token create --gate   then there:  ghostgate --config ghostgate.toml --server ${known.server} --auth TOKEN`,
        `  ghostctl token create          then there:  ghostlink join --server ${known.server} --auth TOKEN`,
      ].join("\n"),
  );
  call.out.remark("the admin key lies in the config folder; keep a copy of that in a safe place");
}

function pick({ id, name, suffix, ipv4 }: { id: string; name: string; suffix: string; ipv4: string }) {
  return { id, name, suffix, ipv4 };
}
