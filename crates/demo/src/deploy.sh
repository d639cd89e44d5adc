#!/bin/sh
# Brings a version to a host: ./deploy.sh HOST VERSION
#
# Stops the replica that serves there (it answers its open requests first), starts the new version, and returns when it is
# healthy. Does nothing when that version serves already, so it may be run twice, and it is its own undo.
set -eu
[ $# -eq 2 ] || { echo "usage: $0 HOST VERSION" >&2; exit 64; }
host=$1
version=$2
root=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P)
glidepath="@PROGRAM@"
export GLIDEPATH_DEMO="$root"

grep -q "^$host " "$root/fleet/hosts" || { echo "there is no host $host in fleet/hosts" >&2; exit 65; }
if "$glidepath" __demo await "$root" "$host" "$version" 0 2>/dev/null; then
    echo "$host serves $version already"
    exit 0
fi

# A process is named by its number and its start time together: numbers are used again.
serves() {
    case "$(cut -d' ' -f3,22 "/proc/$1/stat" 2>/dev/null)" in
        "" | "Z "*) return 1 ;;
        *" $2") return 0 ;;
        *) return 1 ;;
    esac
}

pid_file="$root/fleet/$host.pid"
if [ -r "$pid_file" ] && read -r pid started <"$pid_file" && serves "$pid" "$started"; then
    echo "stopping $host (process $pid)"
    kill -TERM "$pid" 2>/dev/null || true
    tries=0
    while serves "$pid" "$started"; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || kill -KILL "$pid" 2>/dev/null || true
        sleep 0.02
    done
fi

echo "starting $version on $host"
setsid "$glidepath" __demo service "$root" "$host" "$version" </dev/null >>"$root/fleet/log/$host.log" 2>&1 &
exec "$glidepath" __demo await "$root" "$host" "$version" 10000
