// The targets, one function a file of targets/.
#pragma once

#include "fuzz/target.h"

namespace spendsync::fuzz {

Target backup_label_target();
Target change_map_target();
Target codec_target();
Target config_target();
Target connection_string_target();
Target control_file_target();
Target cron_target();
Target file_table_target();
Target frame_runs_target();
Target json_target();
Target log_record_target();
Target manifest_body_target();
Target manifest_summary_target();
Target names_target();
Target pack_index_target();
Target postmaster_pid_target();
Target recovery_log_target();
Target repository_object_target();
Target sealed_document_target();
Target times_target();
Target timeline_history_target();
Target units_target();
Target wal_changes_target();
Target wal_events_target();
Target wal_plan_target();
Target wal_record_target();
Target wal_segment_target();
Target wrapped_key_target();

}  // namespace spendsync::fuzz
