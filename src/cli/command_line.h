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
};

struct BackupOptions {
  std::string type;
  bool skip_unreadable = false;
  std::optional<unsigned> workers;
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
  std::optional<std::string> target_lsn;
  std::optional<std::string> target_xid;
  std::optional<std::string> target_name;
  std::optional<uint32_t> target_timeline;
  bool immediate = false;
  bool files_only = false;
  bool database_only = false;
  bool start = false;
  bool no_start = false;
  std::optional<unsigned> workers;
};
struct VerifyOptions {
  std::string type;
  std::string date;
  std::optional<unsigned> workers;
};
struct WalPushOptions {
  std::string path;
};
struct WalGetOptions {
  std::string file;
  std::string path;
  std::optional<std::string> plan;
};
struct KeysListOptions {};
struct SlotDropOptions {};
struct ConfigValidateOptions {};
struct ConfigShowOptions {};
struct ConfigSchemaOptions {};
struct DrTestOptions {
  std::string type;
};
struct DemoOptions {
  std::optional<std::string> directory;
  bool keep = false;
};

using CommandOptions = std::variant<BackupOptions, ListOptions, RestoreOptions, VerifyOptions, WalPushOptions,
                                    WalGetOptions, KeysListOptions, SlotDropOptions, ConfigValidateOptions,
                                    ConfigShowOptions, ConfigSchemaOptions, DrTestOptions, DemoOptions>;

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
