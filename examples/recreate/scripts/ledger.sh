#!/bin/sh
# The ledger as a whole. Usage: ledger.sh up|written|down
set -eu
cd "$(dirname "$0")/.."
case "$1" in
    up) for host in ledger-1 ledger-2 ledger-3; do ./scripts/host.sh deploy "$host" 1.0.0; done ;;
    # Who has written, in order: each line is a version and how many entries of it stand one after the other.
    written) cut -d ' ' -f 1 state/ledger | uniq -c ;;
    down) for host in ledger-1 ledger-2 ledger-3; do ./scripts/host.sh stop "$host"; done ;;
    *) echo "usage: ledger.sh up|written|down" >&2; exit 2 ;;
esac
