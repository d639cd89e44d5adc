#!/bin/sh
# Makes the new key; a second call keeps the first one's.
set -eu
[ -s state/store/new ] || mktemp -u key-XXXXXXXXXXXX > state/store/new
