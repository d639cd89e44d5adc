#!/bin/sh
# Ends with 0 as long as nobody says that the shop is broken by making a file of that name.
set -eu
[ ! -e broken ]
