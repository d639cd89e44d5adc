#!/bin/sh
# The shop as a whole. Usage: shop.sh up|ask|down
set -eu
cd "$(dirname "$0")/.."
case "$1" in
    up)
        for host in shop-1 shop-2 shop-8 shop-9; do ./scripts/host.sh deploy "$host" 1.0.0; done
        [ -e state/router.pid ] || haproxy -D -p state/router.pid -f haproxy.cfg
        ;;
    # What a customer is answered.
    ask) curl --silent --show-error --fail --max-time 5 --unix-socket state/shop.sock http://shop/ ;;
    down) for name in router shop-1 shop-2 shop-8 shop-9; do ./scripts/host.sh stop "$name"; done ;;
    *) echo "usage: shop.sh up|ask|down" >&2; exit 2 ;;
esac
