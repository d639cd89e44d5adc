#!/bin/sh
# A host of the shop: a process of its own, which answers every request with its version, on a socket under state/.
# Usage: host.sh deploy HOST VERSION | host.sh version|health|stop HOST
set -eu
mkdir -p state
ask() { curl --silent --show-error --fail --max-time 5 --unix-socket "state/$1.sock" http://shop/; }
# One that has ended and was not collected yet (Z) is gone as well.
runs() { grep -q -s '^State:.[^ZX]' "/proc/$1/status"; }
case "$1" in
    deploy)
        [ "$(ask "$2" 2> /dev/null || true)" != "$3" ] || exit 0
        "$0" stop "$2"
        # What it began with a host never refuses.
        [ ! -e "state/refuses-$2" ] || [ "$3" = 1.0.0 ] || { echo "$3 does not start on $2" >&2; exit 1; }
        cat > "state/$2.cfg" <<END
defaults
    mode http
    timeout client 10s
frontend shop
    bind unix@state/$2.sock
    http-request return status 200 content-type text/plain string "$3\n"
END
        haproxy -D -p "state/$2.pid" -f "state/$2.cfg"
        ;;
    stop)
        [ -e "state/$2.pid" ] || exit 0
        process=$(cat "state/$2.pid")
        kill "$process" 2> /dev/null || true
        while runs "$process"; do sleep 0.05; done
        rm -f "state/$2.pid"
        ;;
    version) ask "$2" ;;
    health)
        version=$(ask "$2")
        [ ! -e "state/ill-$version" ] || { echo "$version on $2 loses baskets" >&2; exit 1; }
        ;;
    *) echo "usage: host.sh deploy HOST VERSION | host.sh version|health|stop HOST" >&2; exit 2 ;;
esac
