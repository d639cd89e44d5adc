#!/bin/sh
# A host of the ledger: a process of its own, which writes lines into state/ledger that all hosts share.
# Usage: host.sh deploy HOST VERSION | host.sh version|health|stop HOST | host.sh write HOST VERSION
set -eu
mkdir -p state/running
# One that has ended and was not collected yet (Z) is gone as well.
runs() { grep -q -s '^State:.[^ZX]' "/proc/$(cat "state/$1.pid" 2> /dev/null || echo none)/status"; }
case "$1" in
    deploy)
        if runs "$2" && [ "$("$0" version "$2")" = "$3" ]; then exit 0; fi
        "$0" stop "$2"
        # What it began with a host never refuses.
        [ ! -e "state/refuses-$2" ] || [ "$3" = 1.0.0 ] || { echo "$3 does not start on $2" >&2; exit 1; }
        setsid "$0" write "$2" "$3" > /dev/null 2>&1 < /dev/null &
        echo $! > "state/$2.pid"
        until [ "$("$0" version "$2" 2> /dev/null || true)" = "$3" ]; do sleep 0.05; done
        ;;
    stop)
        [ -e "state/$2.pid" ] || exit 0
        process=$(cat "state/$2.pid")
        kill "$process" 2> /dev/null || true
        while runs "$2"; do sleep 0.05; done
        rm -f "state/$2.pid" "state/running/$2"
        ;;
    write)
        echo "$3" > "state/running/$2.new"; mv "state/running/$2.new" "state/running/$2"
        while :; do echo "$3 $2" >> state/ledger; sleep 0.1; done
        ;;
    version) runs "$2" || { echo "nothing runs on $2" >&2; exit 1; }; cat "state/running/$2" ;;
    health)
        version=$("$0" version "$2")
        [ ! -e "state/ill-$version" ] || { echo "$version on $2 cannot read the ledger" >&2; exit 1; }
        ;;
    *) echo "usage: see the head of this file" >&2; exit 2 ;;
esac
