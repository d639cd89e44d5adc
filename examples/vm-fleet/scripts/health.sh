#!/bin/sh
# Ends with 0 when the host is healthy; a version that begins with "bad" is not. Usage: health.sh HOST
set -eu
case "$(./scripts/version.sh "$1")" in
    bad*) echo "agent on $1 does not answer" >&2; exit 1 ;;
esac
