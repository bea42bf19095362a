#!/bin/sh
# Disaster-recovery tests:  ./dr-test.sh database | application | system
set -eu
. "$(dirname -- "$(readlink -f -- "$0")")/tools/find-program.sh"
exec "$program" dr-test "$@"
