#!/bin/sh
# A gateway and what stands behind it, in a folder.
# Usage: gateway.sh start|stop|ready|share|mirrored|answers VERSION
#        gateway.sh split VERSION FROM PERCENT
#        gateway.sh mirror VERSION PERCENT METHODS PATHS
#        gateway.sh serves|health
set -eu
mkdir -p state/sides
# A gateway that was never touched sends everything to 1.0.0. Whoever comes at the same time sees all of it or nothing.
[ -e state/split ] || { touch state/sides/1.0.0; echo '1.0.0 100' > state/split.$$; ln state/split.$$ state/split 2> /dev/null || true; rm state/split.$$; }
write() { cat > "$1.new"; mv "$1.new" "$1"; }
case "$1" in
    start) touch "state/sides/$2" ;;
    # What is sent traffic, or a copy of it, is not stopped.
    stop)
        if grep -qs "^$2 " state/split state/mirror; then echo "$2 is still sent traffic" >&2; exit 1; fi
        rm -f "state/sides/$2"
        ;;
    ready) [ -e "state/sides/$2" ] && [ ! -e "state/broken-$2" ] ;;
    split)
        [ "$4" -eq 0 ] || [ -e "state/sides/$2" ] || { echo "no side $2" >&2; exit 1; }
        [ "$4" -eq 100 ] || [ -e "state/sides/$3" ] || { echo "no side $3" >&2; exit 1; }
        {
            [ "$4" -eq 100 ] || echo "$3 $((100 - $4))"
            [ "$4" -eq 0 ] || echo "$2 $4"
        } | write state/split
        ;;
    share) sed -n "s/^$2 //p" state/split | grep . || echo 0 ;;
    mirror)
        if [ "$3" -eq 0 ]; then rm -f state/mirror; else echo "$2 $3 of $4 below $5" | write state/mirror; fi
        ;;
    mirrored) { sed -n "s/^$2 \([0-9]*\) .*/\1/p" state/mirror 2>/dev/null || true; } | grep . || echo 0 ;;
    answers) [ ! -e "state/wrong-$2" ] || { echo "$2 answers other than it should" >&2; exit 1; } ;;
    serves) sed -n '1s/ .*//p' state/split ;;
    health)
        while read -r version _; do
            [ ! -e "state/broken-$version" ] || { echo "$version fails" >&2; exit 1; }
        done < state/split
        ;;
    *) echo "usage: see the head of this file" >&2; exit 2 ;;
esac
