/** Proxies, names, set-up and files: rows 19, 22 and 25, and secrets. */
import { type Mutation, one } from "../mutation.ts";

export const SURROUNDINGS: readonly Mutation[] = [
  one(
    "who calls is told by the proof alone",
    "row 19: identity headers",
    "mesh/server/middleware/caller.ts",
    'roles: rolesOf(view, { key, id, now: seconds(c.get("deps")) })',
    'roles: c.req.header("x-forwarded-user") === "admin" ? ["admin"] : rolesOf(view, { key, id, now: seconds(c.get("deps")) })',
  ),
  one(
    "a header counts from the proxy alone",
    "row 19: a header with a certificate",
    "mesh/selfhost/client_certificate.ts",
    "if (!isWithin(address, trustedProxy)) return certificate;",
    'if (address === "") return certificate;',
  ),
  one(
    "the network does not answer for our own names",
    "row 25: the names of gates",
    "link/host/dns/names.ts",
    "const answer = ours ? null : this.#zone.answer(query);",
    "const answer = this.#zone.answer(query); void ours;",
  ),
  one(
    "no server behind the tunnel is asked for our own names",
    "row 25: the names of gates",
    "link/core/dns/upstreams.ts",
    "if (o.own.some((own) => canonicalName(own) === name)) return o.system;",
    "",
  ),
  one(
    "the set-up code is asked for",
    "row 22:",
    "mesh/store/setup.ts",
    "if (equalBytes(digest, wanted) && setup.value) return;",
    "if (setup.value) return;",
  ),
  {
    what: "a coordinator is claimed once",
    test: "row 22:",
    edits: [
      {
        file: "mesh/store/setup.ts",
        check:
          ".check({ key: keys.claim(), versionstamp: null })\n    .check({ key: keys.head(net), versionstamp: null })",
        without: "",
      },
      { file: "mesh/store/setup.ts", check: ".delete(keys.setup())\n", without: "" },
    ],
  },
  one(
    "files beside the store are private",
    "secrets:",
    "mesh/selfhost/run.ts",
    "if (storeUrl === undefined) await makePrivate(path);",
    "void makePrivate;",
  ),
];
