#include "cli/command_line.h"

#include <CLI/CLI.hpp>

namespace spendsync::cli {
namespace {

void add_global_options(CLI::App& app, GlobalOptions& global) {
  app.add_option("--config", global.config,
                 "configuration file (default: $SPENDSYNC_BACKUP_CONFIG, then "
                 "/etc/spendsync/backup/backup-config.yml, then the one beside the script)")
      ->type_name("FILE");
  app.add_flag("--json", global.json, "machine-readable output: one JSON object a line, the last one is the summary");
  app.add_flag("-q,--quiet", global.quiet, "errors and results only");
  app.add_flag("-v,--verbose", global.verbose, "say more about what is done");
  app.add_flag("--no-color", global.no_color, "plain text (also: NO_COLOR in the environment)");
}

void add_backup(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto options = std::make_shared<BackupOptions>();
  auto* command = app.add_subcommand("backup", "take a backup: full, incremental or transaction_logs");
  command->add_option("type", options->type, "full, incremental or transaction_logs")->required();
  command->add_flag("--skip-unreadable", options->skip_unreadable,
                    "list the backup as incomplete when a configured path cannot be read, instead of refusing");
  command->add_option("--workers", options->workers, "threads (default: one a core)")->check(CLI::Range(1, 256));
  command->callback([options, &chosen] { chosen = *options; });
}

void add_list(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto options = std::make_shared<ListOptions>();
  auto* command = app.add_subcommand("list", "list the backups that can be restored");
  command->add_option("backup_type", options->type, "full, incremental or transaction_logs");
  command->add_option("days_back", options->days_back, "only those of the last N days")->check(CLI::Range(0, 36500));
  command->callback([options, &chosen] { chosen = *options; });
}

void add_restore_targets(CLI::App& command, RestoreOptions& options) {
  command.add_flag("--latest", options.latest, "the last recoverable moment there is");
  command.add_option("--target-lsn", options.target_lsn, "recover to this WAL position");
  command.add_option("--target-xid", options.target_xid, "recover up to and including this transaction");
  command.add_option("--target-name", options.target_name, "recover to this restore point");
  command.add_option("--target-timeline", options.target_timeline, "the timeline to follow, a number");
  command.add_flag("--immediate", options.immediate, "stop as soon as the backup is consistent");
}

void add_restore(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto options = std::make_shared<RestoreOptions>();
  auto* command = app.add_subcommand("restore", "restore a backup into a new directory and recover it");
  command->add_option("type", options->type, "full, incremental, transaction_logs or point_in_time");
  command->add_option("date", options->date, "YYYYMMDD in the configured time zone, or a whole label");
  command->add_option("point_in_time", options->point_in_time,
                      "\"YYYY-MM-DD hh:mm:ss\" with an offset or zone, else in the configured one");
  command
      ->add_option("--target", options->target, "the data directory to make (default: below restore.target_directory)")
      ->type_name("DIR");
  command
      ->add_option("--tablespace", options->tablespaces,
                   "place of a tablespace: OLD is its original location or its OID (repeatable; default: beside the "
                   "target)")
      ->type_name("OLD=NEW")
      ->allow_extra_args(false);
  command->add_flag("--delta", options->delta,
                    "rewrite an existing, stopped data directory of the same cluster where it differs from the backup");
  command->add_flag("--in-place", options->in_place,
                    "replace the original database: stops the server, saves its WAL, keeps the old directory aside");
  command->add_flag("--yes", options->yes, "do not ask for the cluster's name before replacing it");
  auto* plan = command->add_flag("--plan", options->plan_only, "show what would be done, and stop");
  command->add_option("--plan-id", options->plan_id, "refuse unless the plan made now is the one that --plan has shown")
      ->type_name("ID")
      ->excludes(plan);
  add_restore_targets(*command, *options);
  auto* files_only = command->add_flag("--files-only", options->files_only, "captured files without the database");
  command->add_flag("--database-only", options->database_only, "the database without captured files")
      ->excludes(files_only);
  auto* start = command->add_flag("--start", options->start, "leave the recovered server running");
  command->add_flag("--no-start", options->no_start, "stop before recovery")->excludes(start);
  command->add_option("--workers", options->workers, "threads (default: one a core)")->check(CLI::Range(1, 256));
  command->callback([options, &chosen] { chosen = *options; });
}

void add_verify(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto options = std::make_shared<VerifyOptions>();
  auto* command = app.add_subcommand("verify", "read back everything a backup consists of");
  command->add_option("type", options->type, "full, incremental or transaction_logs")->required();
  command->add_option("date", options->date, "YYYYMMDD in the configured time zone, or a whole label")->required();
  command->add_option("--workers", options->workers, "threads (default: one a core)")->check(CLI::Range(1, 256));
  command->callback([options, &chosen] { chosen = *options; });
}

void add_wal(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto* wal = app.add_subcommand("wal", "what PostgreSQL calls: archive_command and restore_command");
  wal->require_subcommand(1);
  auto push = std::make_shared<WalPushOptions>();
  auto* push_command = wal->add_subcommand("push", "store one WAL file: archive_command = '... wal push %p'");
  push_command->add_option("path", push->path, "%p")->required();
  push_command->callback([push, &chosen] { chosen = *push; });
  auto get = std::make_shared<WalGetOptions>();
  auto* get_command = wal->add_subcommand("get", "deliver one WAL file: restore_command = '... wal get %f %p'");
  get_command->add_option("file", get->file, "%f")->required();
  get_command->add_option("path", get->path, "%p")->required();
  get_command->add_option("--plan", get->plan, "answer from this restore's plan")->type_name("FILE");
  get_command->callback([get, &chosen] { chosen = *get; });
}

template <class Options>
void add_plain(CLI::App& parent, const char* name, const char* description, std::optional<CommandOptions>& chosen) {
  parent.add_subcommand(name, description)->callback([&chosen] { chosen = Options{}; });
}

void add_groups(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto* keys = app.add_subcommand("keys", "the keys that open this repository");
  keys->require_subcommand(1);
  add_plain<KeysListOptions>(*keys, "list", "data keys, their class and age, and who can open them", chosen);
  auto* slot = app.add_subcommand("slot", "the replication slot that keeps WAL until it is stored");
  slot->require_subcommand(1);
  add_plain<SlotDropOptions>(*slot, "drop", "remove the slot from the server", chosen);
  auto* config = app.add_subcommand("config", "backup-config.yml");
  config->require_subcommand(1);
  add_plain<ConfigValidateOptions>(*config, "validate", "check it; every finding with file:line:column", chosen);
  add_plain<ConfigShowOptions>(*config, "show", "the settings in force and where each comes from", chosen);
  add_plain<ConfigSchemaOptions>(*config, "schema", "JSON Schema for editors", chosen);
}

void add_tests_and_demo(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto test = std::make_shared<DrTestOptions>();
  auto* command = app.add_subcommand("dr-test", "disaster-recovery tests");
  command->add_option("type", test->type, "database, application or system")->required();
  command->callback([test, &chosen] { chosen = *test; });
  auto demo = std::make_shared<DemoOptions>();
  auto* demo_command = app.add_subcommand("demo", "backup, disaster and recovery on a throwaway PostgreSQL");
  demo_command->add_option("--directory", demo->directory, "where to work (default: a temporary directory)");
  demo_command->add_flag("--keep", demo->keep, "leave the directory for a look around");
  demo_command->callback([demo, &chosen] { chosen = *demo; });
}

/// `wal get` may never exit with 1 to 125 for a mistake: PostgreSQL would take it as the end of WAL and promote.
bool means_wal_get(const std::vector<std::string>& arguments) {
  auto wal = std::find(arguments.begin(), arguments.end(), "wal");
  return wal != arguments.end() && std::find(wal, arguments.end(), "get") != arguments.end();
}

}  // namespace

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments) {
  GlobalOptions global;
  std::optional<CommandOptions> chosen;
  CLI::App app("SpendSync Backup: PostgreSQL backup and disaster recovery", "spendsync-backup");
  app.set_version_flag("--version", std::string("spendsync-backup ") + SSB_VERSION);
  app.fallthrough();
  app.require_subcommand(1);
  add_global_options(app, global);
  add_backup(app, chosen);
  add_list(app, chosen);
  add_restore(app, chosen);
  add_verify(app, chosen);
  add_wal(app, chosen);
  add_groups(app, chosen);
  add_tests_and_demo(app, chosen);

  ParsedCommandLine parsed;
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // CLI11 takes them back to front
    app.parse(reversed);
    CHECK(chosen.has_value());
    parsed.invocation = Invocation{global, *chosen};
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const bool asked_for_text = app.exit(error, out, err) == 0;
    parsed.exit_code = asked_for_text ? 0 : (means_wal_get(arguments) ? 126 : 2);
    parsed.output = out.str();
    if (!asked_for_text) {
      parsed.error =
          "error: " + std::string(error.what()) + "\nhint: see 'spendsync-backup --help', or --help after a command\n";
    }
  }
  return parsed;
}

}  // namespace spendsync::cli
