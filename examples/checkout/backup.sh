#!/bin/sh
# Saves the database of a component before a risky step. Usage: backup.sh COMPONENT ENVIRONMENT
set -eu
exec ssh -o BatchMode=yes "backup@$1.$2" "/opt/backup/snapshot"
