#!/bin/sh
# Ends the fleet that `glidepath demo --keep` left running. Its processes look twice a second whether they are wanted.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P)
rm -f "$root/fleet/keep"
tries=0
while [ -n "$("@PROGRAM@" __demo left "$root")" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "some processes are still there:" >&2; "@PROGRAM@" __demo left "$root" >&2; exit 1; }
    sleep 0.1
done
echo "The fleet has ended. The folder $root can be removed."
