import assert from "node:assert/strict";
import { isSshKey, sshKeys } from "./ssh_key.ts";

/** A key's blob with any type inside. */
function key(outside: string, inside = outside, size = 32): string {
  const part = (bytes: Uint8Array) => [0, 0, bytes.length >> 8, bytes.length & 255, ...bytes];
  const blob = [...part(new TextEncoder().encode(inside)), ...part(new Uint8Array(size).fill(7))];
  return `${outside} ${btoa(String.fromCharCode(...blob))}`;
}

Deno.test("isSshKey() takes keys whose inside says what the outside says", () => {
  for (const type of ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"]) assert.ok(isSshKey(key(type)), type);
});

Deno.test("isSshKey() refuses what could say more than one key, or another one", () => {
  const good = key("ssh-ed25519");
  for (
    const bad of [
      "",
      `${good}\n* ${good}`,
      `${good} comment`,
      ` ${good}`,
      `@cert-authority ${good}`,
      key("ssh-ed25519", "ssh-rsa"),
      key("ssh-ed25519", "ssh-ed25519", 31),
      key("ssh-dss"),
      good.slice(0, -1),
      key("ssh-rsa", "ssh-rsa", 4000),
    ]
  ) assert.ok(!isSshKey(bad), bad.slice(0, 80));
  assert.equal(sshKeys.safeParse(Array(5).fill(good)).success, false);
});
