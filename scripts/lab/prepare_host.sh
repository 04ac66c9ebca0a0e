#!/bin/sh
# Makes a fresh set of namespaces (network, mounts, name) a machine of a lab, says so, and keeps it; started by lab.ts.
#   prepare_host.sh NAME SCRIPTS      SCRIPTS: the clone's scripts folder
set -eu

hostname "$1"
mount -t sysfs sysfs /sys 2>/dev/null || true
mount -t tmpfs -o mode=755 none /run
[ "$(readlink -f /var/run)" = /run ] || mount --rbind /run /var/run
mkdir -p /run/wireguard /run/netns /run/home/bin
for role in ghostmesh ghostgate ghostlink; do mount -t tmpfs -o mode=755 none "/var/lib/$role"; done
resolv=$(readlink -f /etc/resolv.conf || true)
if [ -n "$resolv" ]; then
  mkdir -p "$(dirname "$resolv")"
  : >/run/resolv.conf
  [ -e "$resolv" ] || : >"$resolv"
  mount --bind /run/resolv.conf "$resolv"
fi
ip link set lo up
for pair in mesh:ghostmesh gate:ghostgate link:ghostlink ctl:ghostctl; do
  printf '#!/bin/sh\nexec /bin/sh "%s/launch.sh" %s "$@"\n' "$2" "${pair%%:*}" >"/run/home/bin/${pair#*:}"
done
chmod 755 /run/home/bin/*
echo ready
exec sleep infinity
