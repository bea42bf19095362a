#include "fuzz/target.h"

#include <cstdio>
#include <cstdlib>

#include "fuzz/targets.h"

namespace spendsync::fuzz {

void require(bool holds, std::string_view promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %.*s\n", static_cast<int>(promise.size()), promise.data());
  std::abort();
}

std::vector<Bytes> texts(const std::vector<std::string>& inputs) {
  std::vector<Bytes> result;
  for (const auto& input : inputs) result.push_back(to_bytes(input));
  return result;
}

std::vector<Target> all_targets() {
  std::vector<Target> targets;
  for (auto* make : {backup_label_target,
                     change_map_target,
                     codec_target,
                     config_target,
                     connection_string_target,
                     control_file_target,
                     cron_target,
                     file_table_target,
                     frame_runs_target,
                     json_target,
                     log_record_target,
                     manifest_body_target,
                     manifest_summary_target,
                     names_target,
                     pack_index_target,
                     postmaster_pid_target,
                     recovery_log_target,
                     repository_object_target,
                     sealed_document_target,
                     times_target,
                     timeline_history_target,
                     units_target,
                     wal_changes_target,
                     wal_events_target,
                     wal_plan_target,
                     wal_record_target,
                     wal_segment_target,
                     wrapped_key_target}) {
    targets.push_back(make());
  }
  return targets;
}

}  // namespace spendsync::fuzz
