#!/bin/sh
# Settings of a host in a folder. Usage: settings.sh reload HOST VERSION | settings.sh version|health HOST
set -eu
mkdir -p state
case "$1" in
    reload)
        # What it began with a host never refuses.
        [ ! -e "state/refuses-$2" ] || [ "$3" = 1.0.0 ] || { echo "$2 refuses settings $3" >&2; exit 1; }
        printf '%s\n' "$3" > "state/$2.new"; mv "state/$2.new" "state/$2"
        ;;
    version) cat "state/$2" 2>/dev/null || echo 1.0.0 ;;
    health) [ ! -e "state/ill-$2" ] ;;
    *) echo "usage: settings.sh reload HOST VERSION | settings.sh version|health HOST" >&2; exit 2 ;;
esac
