// The command line as data. CLI11 is included in command_line.cc alone.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/types.h"

namespace spendsync::cli {

/// Options of every command; they may stand before or after the command's name and arguments.
struct GlobalOptions {
  std::optional<std::string> config;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool no_color = false;
  std::optional<std::string> escrow_key;              // a private key's file, in place of the configured keys
  std::optional<std::string> escrow_passphrase_file;  // its passphrase; else asked on the terminal
  std::optional<std::string> escrow_key_socket;       // of the restore that runs this program as restore_command
};

struct BackupOptions {
  std::string type;
  bool skip_unreadable = false;
  bool no_resume = false;
  std::optional<uint64_t> throttle;  // bytes a second
  std::optional<unsigned> workers;
};
struct ClusterAdoptOptions {
  bool yes = false;
};
struct ListOptions {
  std::optional<std::string> type;
  std::optional<int> days_back;
};
struct RestoreOptions {
  std::string type;  // empty with --latest
  std::string date;
  std::string point_in_time;
  std::optional<std::string> target;
  std::vector<std::string> tablespaces;
  bool delta = false;
  bool in_place = false;
  bool yes = false;
  bool plan_only = false;
  std::optional<std::string> plan_id;
  bool latest = false;
  bool up_to_what_is_there = false;
  std::optional<std::string> target_lsn;
  bool inclusive = false;
  bool exclusive = false;
  std::optional<std::string> target_xid;
  std::optional<std::string> target_name;
  std::optional<uint32_t> target_timeline;
  bool immediate = false;
  bool files_only = false;
  bool database_only = false;
  bool start = false;
  bool no_start = false;
  std::optional<std::string> system_identifier;
  std::optional<uint64_t> throttle;  // bytes a second
  std::optional<unsigned> workers;
};
struct ExportOptions {
  RestoreOptions selection;  // what is exported, and at which moment
  std::string format;        // directory, tar, sql or custom
  std::string output;        // "-": standard output
  std::string database;
  bool all_databases = false;
  std::vector<std::string> tables;
  std::vector<std::string> schemas;
  bool schema_only = false;
  bool data_only = false;
  std::optional<std::string> work_directory;
};
struct VerifyOptions {
  std::string type;  // this and the date empty: with `all`
  std::string date;
  bool all = false;
  bool restore = false;
  std::optional<std::string> work_directory;
  std::optional<std::string> system_identifier;
  std::optional<unsigned> workers;
};
struct ExpireOptions {
  bool dry_run = false;
  bool yes = false;
};
struct PinOptions {
  std::string label;
  std::string reason;
};
struct UnpinOptions {
  std::string label;
};
struct WalPushOptions {
  std::string path;
};
struct WalGetOptions {
  std::string file;
  std::string path;
  std::optional<std::string> plan;
};
struct InitOptions {
  bool yes = false;
  bool new_repository = false;            // alone: forget the repository that this host has seen
  bool accept_rollback = false;           // alone: what is there counts as what this host has seen
  std::optional<std::string> cluster;     // "15/main", or a data directory
  std::optional<std::string> connection;  // libpq
  std::optional<std::string> repository;
  std::optional<std::string> output;
  std::optional<std::string> key;
  std::optional<std::string> base;
};
struct CheckOptions {};
struct StatusOptions {
  bool nagios = false;
};
struct KeysListOptions {};
struct KeysRewrapOptions {
  std::optional<std::string> retire;  // a wrapper's id
};
struct KeysKitOptions {
  std::optional<std::string> output;  // else stdout
  bool html = false;
  bool with_secret = false;
};
struct KeysImportKitOptions {
  std::string output;
  std::optional<std::string> typed;  // else stdin
};
struct SlotDropOptions {};
struct TimelineForkOptions {
  bool yes = false;
};
struct ConfigValidateOptions {};
struct ConfigShowOptions {};
struct ConfigSchemaOptions {};
struct DrTestOptions {
  std::string type;
};
struct ExplainOptions {
  std::optional<std::string> code;  // else all
};
struct CompletionOptions {
  std::string shell;
};
struct ManOptions {
  std::vector<std::string> command;  // empty: the program's own page
};
struct DemoOptions {
  std::optional<std::string> directory;
  bool keep = false;
};

using CommandOptions =
    std::variant<BackupOptions, ClusterAdoptOptions, ListOptions, RestoreOptions, ExportOptions, VerifyOptions,
                 ExpireOptions, PinOptions, UnpinOptions, WalPushOptions, WalGetOptions, InitOptions, CheckOptions,
                 StatusOptions, KeysListOptions, KeysRewrapOptions, KeysKitOptions, KeysImportKitOptions,
                 SlotDropOptions, TimelineForkOptions, ConfigValidateOptions, ConfigShowOptions, ConfigSchemaOptions,
                 DrTestOptions, ExplainOptions, CompletionOptions, ManOptions, DemoOptions>;

struct Invocation {
  GlobalOptions global;
  CommandOptions command;
};

/// What the words mean, or what to print and with which code to exit (help: 0 on stdout; mistakes: 2 on stderr,
/// for `wal get` 126, since PostgreSQL takes up to 125 as the end of WAL).
struct ParsedCommandLine {
  std::optional<Invocation> invocation;
  int exit_code = 0;
  std::string output;  // for stdout
  std::string error;   // for stderr
};
ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments);

}  // namespace spendsync::cli
