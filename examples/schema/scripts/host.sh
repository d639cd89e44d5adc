#!/bin/sh
# A host in a file. Usage: host.sh deploy HOST VERSION | host.sh version|health HOST
set -eu
mkdir -p state
case "$1" in
    deploy) printf '%s\n' "$3" > "state/$2.new"; mv "state/$2.new" "state/$2" ;;
    version) cat "state/$2" 2>/dev/null || echo 1.0.0 ;;
    health) [ ! -e "state/ill-$2" ] ;;
    *) echo "usage: host.sh deploy HOST VERSION | host.sh version|health HOST" >&2; exit 2 ;;
esac
