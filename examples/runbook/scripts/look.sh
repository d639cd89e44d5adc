#!/bin/sh
# Says whether the key is due: it is, as long as no newer one was taken into use.
set -eu
mkdir -p state/store
[ -s state/store/old ] || echo "key of the first day" > state/store/old
if [ -e state/store/rotated ]; then echo fresh; else echo due; fi
