// The options that restore, export and verify have in common.
#pragma once

#include "cli/line/command.h"
#include "jobs/restore_steps.h"

namespace spendsync::cli {

/// What is restored, and to which moment.
struct SelectionOptions {
  std::string type;  // empty with --latest
  std::string date;
  std::string point_in_time;
  bool latest = false;
  bool up_to_what_is_there = false;
  std::optional<std::string> target_lsn;
  bool inclusive = false;
  bool exclusive = false;
  std::optional<std::string> target_xid;
  std::optional<std::string> target_name;
  std::optional<unsigned> target_timeline;
  bool immediate = false;
  std::optional<std::string> system_identifier;
  std::optional<uint64_t> throttle;  // bytes a second
  std::optional<unsigned> workers;
};

std::vector<Option> selection_arguments(SelectionOptions& selection);
std::vector<Option> target_options(SelectionOptions& selection);
/// --throttle, --system-identifier, --workers.
std::vector<Option> running_options(SelectionOptions& selection);
/// After `cluster adopt` the repository holds several servers under one name.
Option system_identifier(std::optional<std::string>& identifier);
Option work_directory(std::optional<std::string>& directory);

/// Of which the database or files alone, and the ending, are still to be said.
jobs::RestoreSelection selection_of(const SelectionOptions& options);

}  // namespace spendsync::cli
