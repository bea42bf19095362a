#include "cli/line/command_line.h"

#include <CLI/CLI.hpp>

#include "base/condition.h"
#include "cli/line/command_tree.h"
#include "config/scalars.h"

namespace spendsync::cli {
namespace {

constexpr const char* kProgram = "spendsync-backup";
constexpr const char* kDescription = "SpendSync Backup: PostgreSQL backup and disaster recovery";
constexpr const char* kBackupTypes = "full|incremental|transaction_logs";  // type_name: completion offers these

void add_global_options(CLI::App& app, GlobalOptions& global) {
  app.add_option("--config", global.config,
                 "configuration file (default: $SPENDSYNC_BACKUP_CONFIG, then "
                 "/etc/spendsync/backup/backup-config.yml, then the one beside the script)")
      ->type_name("FILE");
  app.add_flag("--json", global.json, "machine-readable output: one JSON object a line, the last one is the summary");
  app.add_flag("-q,--quiet", global.quiet, "errors and results only");
  app.add_flag("-v,--verbose", global.verbose, "say more about what is done");
  app.add_flag("--no-color", global.no_color, "plain text (also: NO_COLOR in the environment)");
  auto* escrow =
      app.add_option("--escrow-key", global.escrow_key,
                     "open the repository with this private escrow key (PEM) in place of the configured keys");
  escrow->type_name("FILE");
  app.add_option("--escrow-passphrase-file", global.escrow_passphrase_file,
                 "file with the escrow key's passphrase (default: asked on the terminal)")
      ->type_name("FILE")
      ->needs(escrow);
  app.add_option("--escrow-key-socket", global.escrow_key_socket)->group("")->excludes(escrow);
}

/// "20 MiB" or "20 MiB/s", as the configuration spells sizes.
void add_throttle(CLI::App& command, std::optional<uint64_t>& bytes_per_second, const std::string& what) {
  command
      .add_option_function<std::string>(
          "--throttle",
          [&bytes_per_second](const std::string& text) {
            std::string_view size = text;
            if (size.ends_with("/s")) size.remove_suffix(2);
            if (size == "0") {
              bytes_per_second = 0;
              return;
            }
            auto parsed = config::parse_size(size);
            if (!parsed || *parsed < 0) {
              throw CLI::ValidationError("--throttle", "'" + text + "' is no rate such as '20 MiB/s'");
            }
            bytes_per_second = static_cast<uint64_t>(*parsed);
          },
          what)
      ->type_name("RATE");
}

/// After `cluster adopt` the repository holds several servers under one name.
void add_system_identifier(CLI::App& command, std::optional<std::string>& identifier) {
  command
      .add_option("--system-identifier", identifier,
                  "backups of this server alone (default: the present one, then those it has adopted)")
      ->type_name("ID");
}

void add_backup(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto options = std::make_shared<BackupOptions>();
  auto* command = app.add_subcommand("backup", "take a backup: full, incremental or transaction_logs");
  command->add_option("type", options->type, "full, incremental or transaction_logs")
      ->type_name(kBackupTypes)
      ->required();
  command->add_flag("--skip-unreadable", options->skip_unreadable,
                    "list the backup as incomplete when a configured path cannot be read, instead of refusing");
  command->add_flag("--no-resume", options->no_resume,
                    "full: begin afresh, even if an interrupted full backup could be taken up again");
  add_throttle(*command, options->throttle, "send no faster, as '20 MiB/s' (default: storage.upload_limit)");
  command->add_option("--workers", options->workers, "threads (default: one a core)")->check(CLI::Range(1, 256));
  command->callback([options, &chosen] { chosen = *options; });
}

void add_list(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto options = std::make_shared<ListOptions>();
  auto* command = app.add_subcommand("list", "list the backups that can be restored");
  command->add_option("backup_type", options->type, "full, incremental or transaction_logs")->type_name(kBackupTypes);
  command->add_option("days_back", options->days_back, "only those of the last N days")->check(CLI::Range(0, 36500));
  command->callback([options, &chosen] { chosen = *options; });
}

void add_restore_targets(CLI::App& command, RestoreOptions& options) {
  auto* latest = command.add_flag("--latest", options.latest, "the last recoverable moment there is");
  command
      .add_flag("--up-to-what-is-there", options.up_to_what_is_there,
                "with --latest: also where later WAL is known of and is not there")
      ->needs(latest);
  auto* position = command.add_option("--target-lsn", options.target_lsn, "recover to this WAL position");
  auto* inclusive =
      command.add_flag("--inclusive", options.inclusive, "with --target-lsn: replay the record there, whatever it is");
  command.add_flag("--exclusive", options.exclusive, "with --target-lsn: stop before the record there")
      ->needs(position)
      ->excludes(inclusive);
  inclusive->needs(position);
  command.add_option("--target-xid", options.target_xid, "recover up to and including this transaction");
  command.add_option("--target-name", options.target_name, "recover to this restore point");
  command.add_option("--target-timeline", options.target_timeline, "the timeline to follow, a number");
  command.add_flag("--immediate", options.immediate, "stop as soon as the backup is consistent");
}

void add_selection(CLI::App& command, RestoreOptions& options) {
  command.add_option("type", options.type, "full, incremental, transaction_logs or point_in_time")
      ->type_name("full|incremental|transaction_logs|point_in_time");
  command.add_option("date", options.date, "YYYYMMDD in the configured time zone, or a whole label");
  command.add_option("point_in_time", options.point_in_time,
                     "\"YYYY-MM-DD hh:mm:ss\" with an offset or zone, else in the configured one");
}

void add_restore(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto options = std::make_shared<RestoreOptions>();
  auto* command = app.add_subcommand("restore", "restore a backup into a new directory and recover it");
  add_selection(*command, *options);
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
  add_throttle(*command, options->throttle, "read the repository no faster, as '20 MiB/s'");
  add_system_identifier(*command, options->system_identifier);
  command->add_option("--workers", options->workers, "threads (default: one a core)")->check(CLI::Range(1, 256));
  command->callback([options, &chosen] { chosen = *options; });
}

void add_what_to_export(CLI::App& command, ExportOptions& options) {
  command
      .add_option("--format", options.format,
                  "directory (a data directory), tar (one), sql (for psql) or custom (for pg_restore)")
      ->type_name("directory|tar|sql|custom")
      ->check(CLI::IsMember({"directory", "tar", "sql", "custom"}))
      ->required();
  command.add_option("--output", options.output, "a new file, or the directory to make; - is standard output")
      ->type_name("FILE")
      ->required();
  auto* database = command.add_option("--database", options.database, "sql, custom: the database to dump");
  command.add_flag("--all-databases", options.all_databases, "sql: every database, with roles and tablespaces")
      ->excludes(database);
  command.add_option("--table", options.tables, "sql, custom: this table alone, as pg_dump takes it (repeatable)")
      ->allow_extra_args(false)
      ->needs(database);
  command.add_option("--schema", options.schemas, "sql, custom: this schema alone, as pg_dump takes it (repeatable)")
      ->allow_extra_args(false)
      ->needs(database);
  auto* schema_only = command.add_flag("--schema-only", options.schema_only, "sql, custom: definitions without rows");
  command.add_flag("--data-only", options.data_only, "sql, custom: rows without definitions")->excludes(schema_only);
}

CLI::Option* add_work_directory(CLI::App& command, std::optional<std::string>& directory) {
  return command
      .add_option("--work-directory", directory,
                  "where the copy is recovered that is thrown away (default: restore.target_directory)")
      ->type_name("DIR");
}

void add_export(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto options = std::make_shared<ExportOptions>();
  auto* command = app.add_subcommand(
      "export", "a backup or a moment as a plain data directory, a tar, or a dump of a database or table");
  add_selection(*command, options->selection);
  add_restore_targets(*command, options->selection);
  add_what_to_export(*command, *options);
  add_work_directory(*command, options->work_directory);
  add_throttle(*command, options->selection.throttle, "read the repository no faster, as '20 MiB/s'");
  add_system_identifier(*command, options->selection.system_identifier);
  command->add_option("--workers", options->selection.workers, "threads (default: one a core)")
      ->check(CLI::Range(1, 256));
  command->callback([options, &chosen] { chosen = *options; });
}

void add_verify(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto options = std::make_shared<VerifyOptions>();
  auto* command = app.add_subcommand("verify", "read back everything a backup consists of");
  auto* type = command->add_option("type", options->type, "full, incremental or transaction_logs");
  type->type_name(kBackupTypes);
  auto* date = command->add_option("date", options->date, "YYYYMMDD in the configured time zone, or a whole label");
  auto* all = command->add_flag("--all", options->all,
                                "every object of the cluster: all backups, all WAL, keys, history files, marks");
  all->excludes(type)->excludes(date);
  auto* restored = command->add_flag(
      "--restore", options->restore,
      "then recover it in a sandbox and run pg_checksums, pg_amcheck and pg_visibility's checks there");
  add_work_directory(*command, options->work_directory)->needs(restored);
  add_system_identifier(*command, options->system_identifier);
  restored->excludes(all);
  command->add_option("--workers", options->workers, "threads (default: one a core)")->check(CLI::Range(1, 256));
  command->callback([options, &chosen] {
    if (!options->all && options->date.empty()) {
      throw CLI::RequiredError("type and date, such as `verify full 20240315`, or --all");
    }
    chosen = *options;
  });
}

void add_retention(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto options = std::make_shared<ExpireOptions>();
  auto* expire = app.add_subcommand("expire", "delete what is past its retention and needed by nothing that is kept");
  expire->add_flag("--dry-run", options->dry_run, "show what would be deleted and why, what stays and why, and stop");
  expire->add_flag("--yes", options->yes, "delete also more backups than expire.deletion_cap allows");
  expire->callback([options, &chosen] { chosen = *options; });
  auto pinned = std::make_shared<PinOptions>();
  auto* pin = app.add_subcommand("pin", "keep a backup whatever its age, until unpin");
  pin->add_option("label", pinned->label, "the backup, as `list` names it")->required();
  pin->add_option("reason", pinned->reason, "why, for those who read it in `list` later");
  pin->callback([pinned, &chosen] { chosen = *pinned; });
  auto unpinned = std::make_shared<UnpinOptions>();
  auto* unpin = app.add_subcommand("unpin", "let a pinned backup expire in its turn again");
  unpin->add_option("label", unpinned->label, "the backup, as `list` names it")->required();
  unpin->callback([unpinned, &chosen] { chosen = *unpinned; });
}

void add_init(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto options = std::make_shared<InitOptions>();
  auto* command = app.add_subcommand("init", "write a configuration and a key for a cluster of this host, then check");
  command->add_flag("--yes", options->yes, "ask nothing: take what is proposed");
  command->add_option("--cluster", options->cluster, "as pg_lsclusters names it (15/main), or a data directory");
  command->add_option("--connection", options->connection, "libpq string (default: the cluster's Unix socket)");
  command->add_option("--repository", options->repository, "where backups go")->type_name("DIR");
  command->add_option("--output", options->output, "the configuration to write; never overwritten")->type_name("FILE");
  command->add_option("--base", options->base, "holds state/ and restore/ (default: /var/lib/spendsync)")
      ->type_name("DIR");
  command->add_option("--key", options->key, "the key file: used if it is there, else made")->type_name("FILE");
  auto* anew = command->add_flag("--new-repository", options->new_repository,
                                 "with the configuration that is there: forget the repository that this host has "
                                 "seen, so that the next backup may make a new one");
  auto* accept = command->add_flag("--accept-rollback", options->accept_rollback,
                                   "with the configuration that is there: take the repository as it is, although it "
                                   "went back behind what this host has seen");
  accept->excludes(anew);
  for (const char* other : {"--yes", "--cluster", "--connection", "--repository", "--output", "--base", "--key"}) {
    anew->excludes(other);
    accept->excludes(other);
  }
  command->callback([options, &chosen] { chosen = *options; });
}

void add_status(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto options = std::make_shared<StatusOptions>();
  auto* command =
      app.add_subcommand("status", "what would be lost, and how long it would take, if the server died now");
  command->add_flag("--nagios", options->nagios, "one line and the exit codes of a monitoring plugin");
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

void add_cluster(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto* cluster = app.add_subcommand("cluster", "the server that is backed up");
  cluster->require_subcommand(1);
  auto adopt = std::make_shared<ClusterAdoptOptions>();
  auto* command = cluster->add_subcommand(
      "adopt", "let a server with a new system identifier (pg_upgrade, rebuild) take the place of the one before");
  command->add_flag("--yes", adopt->yes, "do not ask for the cluster's name to be typed");
  command->callback([adopt, &chosen] { chosen = *adopt; });
}

void add_keys(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto* keys = app.add_subcommand("keys", "the keys that open this repository");
  keys->require_subcommand(1);
  add_plain<KeysListOptions>(*keys, "list", "data keys, their class and age, and who can open them", chosen);
  auto rewrap = std::make_shared<KeysRewrapOptions>();
  auto* rewrap_command = keys->add_subcommand(
      "rewrap", "add the wraps that configured keys lack, so that each opens everything; touches no data");
  rewrap_command
      ->add_option("--retire", rewrap->retire, "then give up the wraps of this key (its id), where another one opens")
      ->type_name("ID");
  rewrap_command->callback([rewrap, &chosen] { chosen = *rewrap; });
  auto kit = std::make_shared<KeysKitOptions>();
  auto* kit_command = keys->add_subcommand("kit", "the recovery kit: one page to print and keep elsewhere");
  kit_command->add_option("--output", kit->output, "a new file (default: standard output)")->type_name("FILE");
  kit_command->add_flag("--html", kit->html, "HTML that prints on one sheet of A4, instead of text");
  kit_command->add_flag("--with-secret", kit->with_secret, "print the key file too, to be typed back: for a safe");
  kit_command->callback([kit, &chosen] { chosen = *kit; });
  auto typed = std::make_shared<KeysImportKitOptions>();
  auto* import_command = keys->add_subcommand("import-kit", "make the key file again from the typed lines of a kit");
  import_command->add_option("--output", typed->output, "the key file to make")->type_name("FILE")->required();
  import_command->add_option("typed", typed->typed, "file with the typed lines (default: standard input)");
  import_command->callback([typed, &chosen] { chosen = *typed; });
}

void add_groups(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto* slot = app.add_subcommand("slot", "the replication slot that keeps WAL until it is stored");
  slot->require_subcommand(1);
  add_plain<SlotDropOptions>(*slot, "drop", "remove the slot from the server", chosen);
  auto* timeline = app.add_subcommand("timeline", "the server's timeline");
  timeline->require_subcommand(1);
  auto fork = std::make_shared<TimelineForkOptions>();
  auto* fork_command = timeline->add_subcommand(
      "fork", "part a server that was put back to an earlier state from the WAL that was archived before");
  fork_command->add_flag("--yes", fork->yes, "do not ask for the cluster's name to be typed");
  fork_command->callback([fork, &chosen] { chosen = *fork; });
  auto* config = app.add_subcommand("config", "backup-config.yml");
  config->require_subcommand(1);
  add_plain<ConfigValidateOptions>(*config, "validate", "check it; every finding with file:line:column", chosen);
  add_plain<ConfigShowOptions>(*config, "show", "the settings in force and where each comes from", chosen);
  add_plain<ConfigSchemaOptions>(*config, "schema", "JSON Schema for editors", chosen);
}

void add_tests_and_demo(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto test = std::make_shared<DrTestOptions>();
  auto* command = app.add_subcommand("dr-test", "disaster-recovery tests");
  command->add_option("type", test->type, "database, application or system")
      ->type_name("database|application|system")
      ->required();
  command->callback([test, &chosen] { chosen = *test; });
  auto demo = std::make_shared<DemoOptions>();
  auto* demo_command = app.add_subcommand("demo", "backup, disaster and recovery on a throwaway PostgreSQL");
  demo_command->add_option("--directory", demo->directory, "where to work (default: a temporary directory)");
  demo_command->add_flag("--keep", demo->keep, "leave the directory for a look around");
  demo_command->callback([demo, &chosen] { chosen = *demo; });
}

void add_documentation(CLI::App& app, std::optional<CommandOptions>& chosen) {
  auto explained = std::make_shared<ExplainOptions>();
  auto* explain = app.add_subcommand("explain", "what an error's code means and what to do");
  explain->add_option("code", explained->code, "as the error line ends: SSB-1201 (default: a list of all)");
  explain->callback([explained, &chosen] { chosen = *explained; });
  auto completed = std::make_shared<CompletionOptions>();
  auto* completion = app.add_subcommand("completion", "a shell's completion script: source <(... completion bash)");
  completion->add_option("shell", completed->shell, "bash, zsh or fish")->type_name("bash|zsh|fish")->required();
  completion->callback([completed, &chosen] { chosen = *completed; });
  auto page = std::make_shared<ManOptions>();
  auto* man = app.add_subcommand("man", "a manual page: ... man restore | man -l -");
  man->add_option("command", page->command, "the command's words (default: the program's own page)");
  man->callback([page, &chosen] { chosen = *page; });
}

void add_everything(CLI::App& app, GlobalOptions& global, std::optional<CommandOptions>& chosen) {
  app.set_version_flag("--version", std::string("spendsync-backup ") + SSB_VERSION);
  app.fallthrough();
  app.require_subcommand(1);
  add_global_options(app, global);
  add_backup(app, chosen);
  add_list(app, chosen);
  add_restore(app, chosen);
  add_export(app, chosen);
  add_verify(app, chosen);
  add_retention(app, chosen);
  add_init(app, chosen);
  add_plain<CheckOptions>(app, "check", "everything that could keep the next backup from succeeding, with its fix",
                          chosen);
  add_status(app, chosen);
  add_wal(app, chosen);
  add_cluster(app, chosen);
  add_keys(app, chosen);
  add_groups(app, chosen);
  add_tests_and_demo(app, chosen);
  add_documentation(app, chosen);
}

// ---- the command table as data

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

OptionInfo describe(const CLI::Option& option) {
  OptionInfo info;
  if (option.get_positional()) {
    info.names.push_back(option.get_name(true));
  } else {
    for (const auto& name : option.get_snames()) info.names.push_back("-" + name);
    for (const auto& name : option.get_lnames()) info.names.push_back("--" + name);
  }
  info.description = option.get_description();
  info.required = option.get_required();
  info.takes_value = option.get_items_expected_max() > 0;
  // "FILE", "full|incremental", "TEXT" (nothing better known), "UINT:INT in [1 - 256]".
  const std::string type = option.get_type_name();
  if (type.find('|') != std::string::npos) info.choices = split(type, '|');
  const bool own = type == "FILE" || type == "DIR" || type == "ID";
  if (own) info.value_name = type;
  if (type.find("INT") != std::string::npos) info.value_name = "N";
  return info;
}

CommandInfo describe(const CLI::App& app, bool is_root) {
  CommandInfo info{app.get_name(), app.get_description(), {}, {}, {}};
  for (const auto* option : app.get_options()) {
    const bool hidden = option->get_group().empty();
    const bool general = option->get_name() == "--help" || option->get_name() == "--version";
    if (hidden || general) continue;
    (option->get_positional() ? info.arguments : info.options).push_back(describe(*option));
  }
  if (is_root)
    info.options.push_back({{"-h", "--help"}, "show what the command takes, and stop", false, "", {}, false});
  for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    info.commands.push_back(describe(*sub, false));
  }
  return info;
}

/// CLI11 says that some command is required, also where one was given that there is not.
std::string message_of(const CLI::ParseError& error, const CLI::App& app) {
  static const std::string kNoCommand = CLI::RequiredError::Subcommand(1).what();
  if (error.what() != kNoCommand) return error.what();
  const auto words = app.remaining(true);
  if (words.empty()) return "no command was given";
  return (words.front().starts_with('-') ? "there is no option " : "there is no command ") + words.front();
}

/// `wal get` may never exit with 1 to 125 for a mistake: PostgreSQL would take it as the end of WAL and promote.
bool means_wal_get(const std::vector<std::string>& arguments) {
  auto wal = std::find(arguments.begin(), arguments.end(), "wal");
  return wal != arguments.end() && std::find(wal, arguments.end(), "get") != arguments.end();
}

}  // namespace

CommandInfo command_tree() {
  GlobalOptions global;
  std::optional<CommandOptions> chosen;
  CLI::App app(kDescription, kProgram);
  add_everything(app, global, chosen);
  return describe(app, true);
}

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments) {
  GlobalOptions global;
  std::optional<CommandOptions> chosen;
  CLI::App app(kDescription, kProgram);
  add_everything(app, global, chosen);

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
      parsed.error = "error: " + message_of(error, app) + " [" + code_of(Condition::command_line) +
                     "]\nhint: see 'spendsync-backup --help', or --help after a command\n";
    }
  }
  return parsed;
}

}  // namespace spendsync::cli
