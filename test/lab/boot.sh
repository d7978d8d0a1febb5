#!/bin/sh
# Boots a host of the lab. Runs in network and mount namespaces of its own, which go, with the cable and the file system
# that are made here, when the host ends.
#
#   boot.sh <a process in the lab's network> <machine name> <host name> <address> <root> <options of its overlay>
set -eu
lab=$1 machine=$2 name=$3 address=$4 root=$5 overlay=$6

# The kernel removes the cable of a host that has just ended a little later.
nsenter --target "$lab" --net ip link delete "$name" 2>/dev/null || :
ip link add eth0 type veth peer name "$name" netns "$lab"
nsenter --target "$lab" --net ip link set "$name" master lab0 up
ip link set lo up
ip address add "$address/24" dev eth0
ip link set eth0 up

mount -t overlay overlay -o "$overlay" "$root"
# Where systemd-nspawn keeps its locks on the machine.
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn

# Whatever the machine has, a Debian host has cgroup2 alone.
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
exec systemd-nspawn --quiet --settings=no --register=no --keep-unit --boot --console=pipe \
  --directory="$root" --machine="$machine" --hostname="$name" \
  --network-namespace-path=/proc/self/ns/net --capability=CAP_NET_ADMIN \
  --resolv-conf=off --timezone=off --link-journal=no
