#!/bin/sh
# A flag service in a folder. Usage: flag.sh set FLAG PERCENT | flag.sh get [FLAG]
set -eu
mkdir -p flags
case "$1" in
    set) printf '%s\n' "$3" > "flags/$2.new"; mv "flags/$2.new" "flags/$2" ;;
    get) cat "flags/${2:-new-search}" 2>/dev/null || echo 0 ;;
    *) echo "usage: flag.sh set FLAG PERCENT | flag.sh get [FLAG]" >&2; exit 2 ;;
esac
