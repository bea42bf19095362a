#!/usr/bin/env bash
# Fresh Debian 12 -> the main job runs: installs what is needed, builds, and shows a backup, a disaster and the
# recovery on a throwaway PostgreSQL. Nothing is left running. Arguments go to `spendsync-backup demo`.
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "$0")")

echo "== packages"
"$here/tools/install-packages" --build-only

echo "== build"
cmake -S "$here" -B "$here/build/release" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSSB_BUILD_TESTS=OFF >/dev/null
cmake --build "$here/build/release"

echo "== demo"
exec "$here/build/release/spendsync-backup" demo "$@"
