#!/bin/sh
# Takes a backup:  ./backup.sh full | incremental | transaction_logs  [options]
# Options go to the program unchanged; `./backup.sh --help` lists them.
set -eu
. "$(dirname -- "$(readlink -f -- "$0")")/tools/find-program.sh"
exec "$program" backup "$@"
