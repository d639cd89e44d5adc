#!/bin/sh
# Shares of two regions in a file. Usage: traffic.sh set SHARES | traffic.sh read | traffic.sh room REGION RATE | traffic.sh health HOST
set -eu
mkdir -p state
case "$1" in
    set) printf '%s\n' "$2" > state/shares.new; mv state/shares.new state/shares ;;
    read) cat state/shares 2>/dev/null || echo eu-north=50,eu-west=50 ;;
    room)
        room=$(cat "state/room-$2" 2>/dev/null || echo 360)
        [ "$3" -le "$room" ] || { echo "$2 has room for $room requests/s, not for $3" >&2; exit 1; }
        ;;
    health) [ ! -e "state/ill-$2" ] ;;
    *) echo "usage: traffic.sh set SHARES | traffic.sh read | traffic.sh room REGION RATE | traffic.sh health HOST" >&2; exit 2 ;;
esac
