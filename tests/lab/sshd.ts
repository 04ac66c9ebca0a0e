/** A machine of a lab with OpenSSH's server, a host key of its own and a user `ann`. */
import type { Host } from "../../scripts/lab/lab.ts";
import { type Process, waitFor } from "../../scripts/lab/process.ts";

const KEY = "/etc/ssh/ssh_host_ed25519_key";

/** Gives the machine host keys that no other has, and the accounts root and ann with the key of `client`. */
export async function prepareSshd(host: Host, client: Host): Promise<void> {
  await client.sh(
    `ssh-keygen -q -t ed25519 -N '' -f id; eval "$(ssh-agent -a /run/home/agent)" >/dev/null; ssh-add -q id`,
  );
  client.env["SSH_AUTH_SOCK"] = "/run/home/agent";
  await host.write("authorized_keys", (await client.run(["cat", "id.pub"])).stdout);
  await host.sh(`
    mount -t tmpfs -o mode=755 none /etc/ssh
    mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f ${KEY}
    ssh-keygen -q -t ed25519 -N '' -f other_key
    for file in passwd group shadow; do cp /etc/$file $file; done
    echo 'ann:x:4321:4321::/run/home:/bin/sh' >>passwd
    echo 'ann:x:4321:' >>group
    echo 'ann:*:20000:0:99999:7:::' >>shadow
    chmod 640 shadow
    for file in passwd group shadow; do mount --bind $file /etc/$file; done
    chmod 644 authorized_keys
  `);
  // The record takes up the new key.
  await host.ctl(["set", "--ssh", "off"]);
  await host.ctl(["set", "--ssh", "on"]);
}

/** Starts the server. @param own false: it answers with a key that is not the machine's */
export async function startSshd(host: Host, { own = true } = {}): Promise<Process> {
  const options = [
    "UsePAM=no",
    "StrictModes=no",
    "AuthorizedKeysFile=/run/home/authorized_keys",
    "PermitRootLogin=yes",
  ];
  const sshd = host.spawn("sshd", [
    "/usr/sbin/sshd",
    "-D",
    "-e",
    "-f",
    "/dev/null",
    "-h",
    own ? KEY : "/run/home/other_key",
    ...options.flatMap((option) => ["-o", option]),
  ]);
  await waitFor("sshd to listen", () => sshd.text.includes("Server listening"));
  return sshd;
}
