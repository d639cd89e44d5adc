#!/bin/sh
# A key store in a folder. Usage: store.sh health | store.sh make|discard|retire SECRET
set -eu
mkdir -p state/store
case "$1" in
    health) ;;
    # A second call keeps the first one's value.
    make) [ -s "state/store/$2.new" ] || mktemp -u key-XXXXXXXXXXXX > "state/store/$2.new" ;;
    discard) rm -f "state/store/$2.new" ;;
    retire) if [ -e "state/store/$2.new" ]; then mv "state/store/$2.new" "state/store/$2.old"; fi ;;
    *) echo "usage: store.sh health | store.sh make|discard|retire SECRET" >&2; exit 2 ;;
esac
