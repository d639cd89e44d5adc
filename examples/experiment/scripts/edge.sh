#!/bin/sh
# An edge service and what stands behind it, in a folder.
# Usage: edge.sh start|stop|ready|share|purchases VERSION
#        edge.sh split|cohort VERSION FROM PERCENT
#        edge.sh serves|health
set -eu
mkdir -p state/sides
# A service that was never touched sends everything to 1.0.0. Whoever comes at the same time sees all of it or nothing.
[ -e state/split ] || { touch state/sides/1.0.0; echo '1.0.0 100' > state/split.$$; ln state/split.$$ state/split 2> /dev/null || true; rm state/split.$$; }
case "$1" in
    start) touch "state/sides/$2" ;;
    # What is sent traffic is not stopped.
    stop)
        if grep -q "^$2 " state/split; then echo "$2 is still sent traffic" >&2; exit 1; fi
        rm -f "state/sides/$2"
        ;;
    ready) [ -e "state/sides/$2" ] && [ ! -e "state/broken-$2" ] ;;
    split|cohort)
        [ "$4" -eq 0 ] || [ -e "state/sides/$2" ] || { echo "no side $2" >&2; exit 1; }
        [ "$4" -eq 100 ] || [ -e "state/sides/$3" ] || { echo "no side $3" >&2; exit 1; }
        if [ "$1" = cohort ]; then touch state/sticky; else rm -f state/sticky; fi
        {
            [ "$4" -eq 100 ] || echo "$3 $((100 - $4))"
            [ "$4" -eq 0 ] || echo "$2 $4"
        } > state/split.new
        mv state/split.new state/split
        ;;
    share) sed -n "s/^$2 //p" state/split | grep . || echo 0 ;;
    # Purchases of visits since the side got its share.
    purchases) cat "state/purchases-$2" 2>/dev/null || echo "no figures of $2" ;;
    serves) sed -n '1s/ .*//p' state/split ;;
    health)
        while read -r version _; do
            [ ! -e "state/broken-$version" ] || { echo "$version fails" >&2; exit 1; }
        done < state/split
        ;;
    *) echo "usage: see the head of this file" >&2; exit 2 ;;
esac
