// The conditions that an operator meets, each with a number that never changes: `explain SSB-1201` tells what it means.
#pragma once

#include <cstdint>
#include <string>

namespace spendsync {

/// The first digits group them: 10 by kind and command line, 11 repository, 12 keys, 13 server, 14 WAL, 15 restore,
/// 16 host. A number is never given twice and never changes its meaning. Each has its text in cli/explain_table.cc.
enum class Condition : uint16_t {
  none = 0,

  // What an error's kind says, where no more is known.
  invalid_input = 1001,
  refused = 1002,
  not_found = 1003,
  already_exists = 1004,
  damaged = 1005,
  permission_denied = 1006,
  held_by_another = 1007,
  unreachable = 1008,
  resource_exhausted = 1009,
  incomplete = 1010,
  stopped = 1011,
  unsupported = 1012,
  internal_error = 1013,
  command_line = 1020,
  configuration_missing = 1021,
  configuration_unsafe = 1022,
  configuration_wrong = 1023,

  repository_missing = 1101,
  repository_object_missing = 1102,
  cluster_missing = 1103,
  another_server = 1104,
  newer_format = 1105,
  repository_directory_missing = 1106,
  repository_directory_unsafe = 1107,
  repository_went_back = 1108,

  no_key_opens = 1201,
  secret_file_missing = 1202,
  secret_file_unsafe = 1203,
  key_file_wrong = 1204,
  escrow_key_unusable = 1205,
  wrong_passphrase = 1206,
  escrow_cannot_write = 1207,
  wraps_missing = 1208,

  server_unreachable = 1301,
  login_refused = 1302,
  server_rights_missing = 1303,
  wal_level_minimal = 1304,
  pooler = 1306,
  server_version = 1307,
  programs_missing = 1308,

  wal_gap = 1401,
  slot_lost = 1402,
  slot_in_use = 1403,
  wal_not_delivered = 1404,
  foreign_timeline = 1405,
  wal_diverged = 1406,

  target_not_covered = 1501,
  target_ambiguous = 1502,
  no_such_backup = 1503,
  target_not_usable = 1504,
  server_running = 1505,
  no_space_for_restore = 1506,
  target_not_reached = 1507,
  position_is_no_commit = 1508,
  tablespace_after_backup = 1509,
  latest_not_there = 1510,

  no_space = 1601,
};

/// "SSB-1201"
std::string code_of(Condition condition);

}  // namespace spendsync
