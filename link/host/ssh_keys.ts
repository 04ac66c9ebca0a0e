/** The host public keys of this machine's SSH server, as its record is to carry them. */
import { isSshKey, MAX_SSH_KEYS } from "../../mesh/wire/ssh_key.ts";

/** Where OpenSSH keeps them; the strongest kinds first. */
const FILES = ["ed25519", "ecdsa", "rsa"].map((kind) => `/etc/ssh/ssh_host_${kind}_key.pub`);

/** The keys that are there and in order, without host and comment; none on a machine without an SSH server. */
export async function readSshKeys(files: readonly string[] = FILES): Promise<string[]> {
  const keys: string[] = [];
  for (const file of files) {
    const text = await Deno.readTextFile(file).catch(() => "");
    const key = text.trim().split(/[ \t]+/).slice(0, 2).join(" ");
    if (isSshKey(key)) keys.push(key);
  }
  return keys.slice(0, MAX_SSH_KEYS);
}
