#!/bin/sh
# Functions in folders, one region each: published versions, and an alias that names one or two of them.
# Usage: function.sh publish|remove|invoke|share REGION VERSION
#        function.sh alias REGION VERSION FROM PERCENT
#        function.sh serves|answers REGION
set -eu
place="state/$2"
mkdir -p "$place/versions"
# A region that was never touched serves 1.0.0. Whoever comes at the same time sees all of it or nothing.
[ -e "$place/alias" ] || { touch "$place/versions/1.0.0"; echo '1.0.0 100' > "$place/alias.$$"; ln "$place/alias.$$" "$place/alias" 2> /dev/null || true; rm "$place/alias.$$"; }
case "$1" in
    publish) touch "$place/versions/$3" ;;
    # What the alias names is not removed.
    remove)
        if grep -q "^$3 " "$place/alias"; then echo "$3 serves in $2" >&2; exit 1; fi
        rm -f "$place/versions/$3"
        ;;
    invoke) [ -e "$place/versions/$3" ] && [ ! -e "state/broken-$3" ] ;;
    alias)
        case "$5" in
            0) one="$4 100"; other="" ;;
            100) one="$3 100"; other="" ;;
            *) one="$4 $((100 - $5))"; other="$3 $5" ;;
        esac
        for line in "$one" "$other"; do
            [ -z "$line" ] || [ -e "$place/versions/${line% *}" ] || { echo "no version ${line% *} in $2" >&2; exit 1; }
        done
        { echo "$one"; [ -z "$other" ] || echo "$other"; } > "$place/alias.new"
        mv "$place/alias.new" "$place/alias"
        ;;
    share) sed -n "s/^$3 //p" "$place/alias" | grep . || echo 0 ;;
    # The first line is the version that serves the most, or the rest.
    serves) sed -n '1s/ .*//p' "$place/alias" ;;
    answers)
        while read -r version _; do
            [ ! -e "state/broken-$version" ] || { echo "$version fails in $2" >&2; exit 1; }
        done < "$place/alias"
        ;;
    *) echo "usage: see the head of this file" >&2; exit 2 ;;
esac
