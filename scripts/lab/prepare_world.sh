#!/bin/sh
# Makes the inside of a fresh set of namespaces (network, mounts, processes) ready for a lab; started by world.ts as root there.
# Nothing outside is touched: every mount is private to the namespace and ends with it.
#   prepare_world.sh [WIREGUARD_GO]      WIREGUARD_GO: the newest wireguard-go, put where the daemon looks for it first
set -eu

# cover DIR NAME...: DIR as it is, plus empty folders NAME..., although DIR itself may belong to somebody else
cover() {
  dir=$1
  shift
  copy=/run/cover$dir
  mkdir -p "$copy"
  for entry in "$dir"/* "$dir"/.[!.]*; do
    name=$copy/${entry##*/}
    if [ -L "$entry" ]; then
      cp -P "$entry" "$name"
    elif [ -d "$entry" ]; then
      mkdir "$name"
      mount --rbind "$entry" "$name"
    elif [ -f "$entry" ]; then
      : >"$name"
      mount --bind "$entry" "$name"
    fi
  done
  for name in "$@"; do mkdir -p "$copy/$name"; done
  mount --rbind "$copy" "$dir"
}

resolv=$(readlink -f /etc/resolv.conf || true)
mount -t tmpfs -o mode=755 none /run
[ "$(readlink -f /var/run)" = /run ] || mount --rbind /run /var/run
mkdir -p /run/netns /run/wireguard /run/lab
# The same name resolution for everybody: none. A resolv.conf that lies in /run has just gone with it.
if [ -n "$resolv" ]; then
  mkdir -p "$(dirname "$resolv")"
  : >/run/lab/resolv.conf
  [ -e "$resolv" ] || : >"$resolv"
  mount --bind /run/lab/resolv.conf "$resolv"
fi
cover /var/lib ghostmesh ghostgate ghostlink
if [ -n "${1:-}" ]; then
  # A folder of this world's own: a file that is mounted over another one goes when that is replaced outside.
  [ -d /usr/local/lib/ghostmesh ] || cover /usr/local/lib ghostmesh
  mount -t tmpfs -o mode=755 none /usr/local/lib/ghostmesh
  cp "$1" /usr/local/lib/ghostmesh/wireguard-go
  chmod 755 /usr/local/lib/ghostmesh/wireguard-go
fi
ip link set lo up
