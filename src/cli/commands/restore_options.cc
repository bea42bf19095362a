#include "cli/commands/restore_options.h"

namespace spendsync::cli {

std::vector<Option> selection_arguments(SelectionOptions& selection) {
  return {argument("type", selection.type, "full, incremental, transaction_logs or point_in_time")
              .offers({"full", "incremental", "transaction_logs", "point_in_time"}),
          argument("date", selection.date, "YYYYMMDD in the configured time zone, or a whole label"),
          argument("point_in_time", selection.point_in_time,
                   "\"YYYY-MM-DD hh:mm:ss\" with an offset or zone, else in the configured one")};
}

std::vector<Option> target_options(SelectionOptions& selection) {
  return {flag("--latest", selection.latest, "the last recoverable moment there is"),
          flag("--up-to-what-is-there", selection.up_to_what_is_there,
               "with --latest: also where later WAL is known of and is not there")
              .needs("--latest"),
          option("--target-lsn", "LSN", selection.target_lsn, "recover to this WAL position"),
          flag("--inclusive", selection.inclusive, "with --target-lsn: replay the record there, whatever it is")
              .needs("--target-lsn"),
          flag("--exclusive", selection.exclusive, "with --target-lsn: stop before the record there")
              .needs("--target-lsn")
              .excludes({"--inclusive"}),
          option("--target-xid", "XID", selection.target_xid, "recover up to and including this transaction"),
          option("--target-name", "NAME", selection.target_name, "recover to this restore point"),
          number("--target-timeline", selection.target_timeline, {0, UINT32_MAX}, "the timeline to follow, a number"),
          flag("--immediate", selection.immediate, "stop as soon as the backup is consistent")};
}

std::vector<Option> running_options(SelectionOptions& selection) {
  return {rate("--throttle", selection.throttle, "read the repository no faster, as '20 MiB/s'"),
          system_identifier(selection.system_identifier),
          number("--workers", selection.workers, {1, 256}, "threads (default: one a core)")};
}

Option system_identifier(std::optional<std::string>& identifier) {
  return option("--system-identifier", "ID", identifier,
                "backups of this server alone (default: the present one, then those it has adopted)");
}

Option work_directory(std::optional<std::string>& directory) {
  return option("--work-directory", "DIR", directory,
                "where the copy is recovered that is thrown away (default: restore.target_directory)");
}

jobs::RestoreSelection selection_of(const SelectionOptions& options) {
  restore::RequestWords words;
  words.type = options.type;
  words.date = options.date;
  words.point_in_time = options.point_in_time;
  words.latest = options.latest;
  words.up_to_what_is_there = options.up_to_what_is_there;
  words.target_lsn = options.target_lsn;
  words.inclusive = options.inclusive;
  words.exclusive = options.exclusive;
  words.target_xid = options.target_xid;
  words.target_name = options.target_name;
  words.target_timeline = options.target_timeline;
  words.immediate = options.immediate;
  return {.words = std::move(words), .system_identifier = options.system_identifier, .workers = options.workers};
}

}  // namespace spendsync::cli
