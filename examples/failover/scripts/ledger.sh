#!/bin/sh
# A database in two regions, as folders. A line of `log` is a write, and each one that a replica lacks counts as a second. Usage:
#   ledger.sh leader | write REGION TEXT | health REGION | drain REGION | promote REGION | route REGION
#   ledger.sh lag|demote|verify FROM TO
set -eu
if [ ! -e state/clients ]; then
    mkdir -p state/eu-west state/eu-north
    touch state/eu-west/log state/eu-north/log state/eu-west/takes-writes
    echo eu-west > state/eu-north/follows
    echo eu-west > state/clients
fi
leaders() {
    (cd state && for one in */takes-writes; do if [ -e "$one" ]; then dirname "$one"; fi; done) | tr '\n' ' ' | sed 's/ $//'
}
# What a replica does by itself all the time, unless it is stuck.
replicate() {
    [ "$(cat "state/$2/follows" 2>/dev/null)" = "$1" ] || { echo "$2 does not follow $1" >&2; exit 1; }
    [ -e "state/stuck-$2" ] || cp "state/$1/log" "state/$2/log"
}
case "$1" in
    leader) found=$(leaders); echo "${found:-none}" ;;
    write)
        [ -e "state/$2/takes-writes" ] || { echo "$2 takes no writes" >&2; exit 1; }
        echo "$3" >> "state/$2/log"
        ;;
    health) [ ! -e "state/ill-$2" ] ;;
    drain) rm -f "state/$2/takes-writes" ;;
    promote)
        found=$(leaders)
        [ -z "$found" ] || [ "$found" = "$2" ] || { echo "$found takes writes: two regions would" >&2; exit 1; }
        rm -f "state/$2/follows"
        touch "state/$2/takes-writes"
        ;;
    route) echo "$2" > state/clients ;;
    lag)
        replicate "$2" "$3"
        missing=$(($(wc -l < "state/$2/log") - $(wc -l < "state/$3/log")))
        [ "$missing" -le "$4" ] || { echo "$3 is $missing s behind $2" >&2; exit 1; }
        ;;
    demote)
        [ ! -e "state/broken-$2" ] || { echo "$2 cannot follow" >&2; exit 1; }
        rm -f "state/$2/takes-writes"
        echo "$3" > "state/$2/follows"
        ;;
    verify) replicate "$3" "$2"; cmp "state/$2/log" "state/$3/log" ;;
    *) echo "ledger.sh: there is no $1" >&2; exit 2 ;;
esac
