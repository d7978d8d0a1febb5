#!/bin/sh
# Holds the network of a lab instance and what its clients see of the machine. Runs in network and mount namespaces of
# its own, which go when it ends.
#
#   namespaces.sh <folder with hosts, nsswitch.conf and resolv.conf> <address>…
set -eu
directory=$1
shift

ip link set lo up
# An address of its own: otherwise the bridge takes the lowest of its ports', and changes it when a host goes or boots.
# The other hosts would then send to the old one until they ask anew, which takes 10 s.
ip link add lab0 address 02:00:00:00:00:01 type bridge
for address; do ip address add "$address/24" dev lab0; done
ip link set lab0 up

# Bound, not written: the machine's own files stay as they are.
for file in hosts nsswitch.conf resolv.conf; do
  [ ! -e "/etc/$file" ] || mount --bind "$directory/$file" "/etc/$file"
done
exec sleep infinity
