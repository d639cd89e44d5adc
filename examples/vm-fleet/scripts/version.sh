#!/bin/sh
# Prints the version that runs on a host. Usage: version.sh HOST
cat "versions/$1" 2>/dev/null || echo 1.0.0
