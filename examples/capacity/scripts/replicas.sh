#!/bin/sh
# Replicas as a number in a file. Usage: replicas.sh set COUNT | replicas.sh read|health
set -eu
mkdir -p state
case "$1" in
    set)
        [ ! -e state/full ] || [ "$2" -le 3 ] || { echo "no room for $2 replicas" >&2; exit 1; }
        printf '%s\n' "$2" > state/count.new; mv state/count.new state/count
        ;;
    read) cat state/count 2>/dev/null || echo 3 ;;
    health) [ ! -e state/ill ] ;;
    *) echo "usage: replicas.sh set COUNT | replicas.sh read|health" >&2; exit 2 ;;
esac
