# Sourced by backup.sh, restore.sh and dr-test.sh; sets $program.
# $SPENDSYNC_BACKUP, else the release build beside the scripts, else the one in PATH.
script_directory=$(dirname -- "$(readlink -f -- "$0")")
if [ -n "${SPENDSYNC_BACKUP:-}" ]; then
  program=$SPENDSYNC_BACKUP
elif [ -x "$script_directory/build/release/spendsync-backup" ]; then
  program=$script_directory/build/release/spendsync-backup
elif program=$(command -v spendsync-backup); then
  :
else
  echo "error: the program spendsync-backup was not found" >&2
  echo "hint: run ./quickstart.sh to build it, or set SPENDSYNC_BACKUP to its path" >&2
  exit 2
fi
# The program looks for backup-config.yml here last, after --config, $SPENDSYNC_BACKUP_CONFIG and /etc.
SPENDSYNC_BACKUP_SCRIPT_DIRECTORY=$script_directory
export SPENDSYNC_BACKUP_SCRIPT_DIRECTORY
