#!/bin/sh
# A host in a folder. Usage: host.sh health HOST | host.sh install|restore|verify HOST SECRET
set -eu
mkdir -p "state/hosts/$2"
case "$1" in
    health) [ ! -e "state/ill-$2" ] ;;
    install)
        [ ! -e "state/broken-$2" ] || { echo "$2 cannot take a new key" >&2; exit 1; }
        cp "state/store/$3.new" "state/hosts/$2/$3"
        ;;
    # A host that was never given a key has the first one.
    restore) rm -f "state/hosts/$2/$3" ;;
    verify) cmp "state/store/$3.new" "state/hosts/$2/$3" ;;
    *) echo "usage: host.sh health HOST | host.sh install|restore|verify HOST SECRET" >&2; exit 2 ;;
esac
