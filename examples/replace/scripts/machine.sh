#!/bin/sh
# A machine in a folder. Usage: machine.sh replace HOST VERSION | machine.sh drain|admit|version|health HOST
set -eu
mkdir -p state
case "$1" in
    drain) touch "state/$2.drained" ;;
    admit) rm -f "state/$2.drained" ;;
    replace)
        # A machine that has the version already stays.
        [ ! -e "state/gone-$2" ] || [ "$("$0" version "$2")" = "$3" ] || { echo "no machine for $2" >&2; exit 1; }
        printf '%s\n' "$3" > "state/$2.new"; mv "state/$2.new" "state/$2"
        rm -f "state/$2.drained"
        ;;
    version) cat "state/$2" 2>/dev/null || echo 1.0.0 ;;
    health) [ ! -e "state/$2.drained" ] ;;
    *) echo "usage: machine.sh replace HOST VERSION | machine.sh drain|admit|version|health HOST" >&2; exit 2 ;;
esac
