// What `check` says about room on disks, from facts alone.
#pragma once

#include <cstdint>
#include <optional>

#include "health/check_report.h"

namespace spendsync::health {

/// One place where something is going to be written.
struct Room {
  std::string path{};
  std::optional<uint64_t> free_bytes{};  // empty: the place cannot tell (object storage)
};

struct SpaceFacts {
  Room repository;
  Room state;
  Room restore_target;
  std::optional<Room> pg_wal;                   // empty: not on this host
  std::optional<uint64_t> database_bytes;       // empty: not known
  std::optional<uint64_t> newest_stored_bytes;  // of the newest full backup
  uint64_t max_wal_size_bytes = 0;
};

/// Items space.repository, space.pg_wal, space.state, space.restore.
std::vector<CheckItem> judge_space(const SpaceFacts& facts);

}  // namespace spendsync::health
