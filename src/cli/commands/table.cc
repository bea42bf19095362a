#include "cli/commands/commands.h"

namespace spendsync::cli {
namespace {

std::vector<Option> options_of_all(GlobalOptions& global) {
  bool& ignored = global.no_color;  // help and version are answered by the parser, whatever else is said
  return {option("--config", "FILE", global.config,
                 "configuration file (default: $SPENDSYNC_BACKUP_CONFIG, then "
                 "/etc/spendsync/backup/backup-config.yml, then the one beside the script)"),
          flag("--json", global.json, "machine-readable output: one JSON object a line, the last one is the summary"),
          flag("-q,--quiet", global.quiet, "errors and results only"),
          flag("-v,--verbose", global.verbose, "say more about what is done"),
          flag("--no-color", global.no_color, "plain text (also: NO_COLOR in the environment)"),
          option("--escrow-key", "FILE", global.escrow_key,
                 "open the repository with this private escrow key (PEM) in place of the configured keys"),
          option("--escrow-passphrase-file", "FILE", global.escrow_passphrase_file,
                 "file with the escrow key's passphrase (default: asked on the terminal)")
              .needs("--escrow-key"),
          option("--escrow-key-socket", "FILE", global.escrow_key_socket, "of the restore that runs this program")
              .hidden()
              .excludes({"--escrow-key"}),
          flag("--version", ignored, "show the version, and stop"),
          flag("-h,--help", ignored, "show what the command takes, and stop")};
}

CommandEntry group(std::string name, std::string description, std::vector<CommandEntry> commands) {
  return {.name = std::move(name), .description = std::move(description), .commands = std::move(commands)};
}

}  // namespace

CommandEntry command_table(std::shared_ptr<GlobalOptions> global) {
  CommandEntry program{
      .name = "spendsync-backup",
      .description = "SpendSync Backup: PostgreSQL backup and disaster recovery",
      .options = options_of_all(*global),
      .commands =
          {
              backup_command(),
              list_command(),
              restore_command(),
              export_command(),
              verify_command(),
              expire_command(),
              pin_command(),
              unpin_command(),
              init_command(),
              check_command(),
              status_command(),
              group("wal", "what PostgreSQL calls: archive_command and restore_command",
                    {wal_push_command(), wal_get_command()}),
              group("cluster", "the server that is backed up", {cluster_adopt_command()}),
              group("keys", "the keys that open this repository",
                    {keys_list_command(), keys_rewrap_command(), keys_kit_command(), keys_import_kit_command()}),
              group("slot", "the replication slot that keeps WAL until it is stored", {slot_drop_command()}),
              group("timeline", "the server's timeline", {timeline_fork_command()}),
              group("config", "backup-config.yml",
                    {config_validate_command(), config_show_command(), config_schema_command()}),
              dr_test_command(),
              demo_command(),
              explain_command(),
              completion_command(),
              man_command(),
              help_command(),
          },
      .examples = {{"init", "once: writes a configuration and a key, and checks"},
                   {"backup full", "then: list, status"},
                   {"restore --latest --in-place", "on the day"}},
      .check = [global]() -> Result<void> { return ok(); }};  // keeps what the options write to
  return program;
}

}  // namespace spendsync::cli
