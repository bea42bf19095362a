#!/bin/sh
# Lists, restores and verifies backups:
#   ./restore.sh list [backup_type] [days_back]
#   ./restore.sh restore <type> <date> [point_in_time]
#   ./restore.sh verify <type> <date>
# Options go to the program unchanged; `./restore.sh restore --help` lists them.
set -eu
. "$(dirname -- "$(readlink -f -- "$0")")/tools/find-program.sh"
case "${1-}" in
  list | restore | verify | -h | --help) exec "$program" "$@" ;;
  *)
    for word in "$@"; do # options may stand before the subcommand
      case "$word" in list | restore | verify) exec "$program" "$@" ;; esac
    done
    echo "usage: restore.sh list [backup_type] [days_back]" >&2
    echo "       restore.sh restore <type> <date> [point_in_time] [options]" >&2
    echo "       restore.sh verify <type> <date> [options]" >&2
    exit 2
    ;;
esac
