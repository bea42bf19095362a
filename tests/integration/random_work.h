// What a server's life does to its files, at random and repeatable by seed.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "integration/real_server.h"

namespace spendsync::testing {

/// Tables of the database `postgres` filled, changed, emptied, rewritten, moved and dropped; databases made and
/// dropped; crashes; timeline switches. Nothing unlogged is left between steps. The server runs and has no other
/// clients.
class RandomWork {
 public:
  RandomWork(RealServer& server, RandomSource& random);
  /// One step; what it was.
  std::string step();
  /// The server goes on on a new timeline, as after a failover.
  void switch_timeline();

 private:
  struct Step {
    const char* name;
    void (RandomWork::*run)();
    unsigned weight;
  };
  static const std::vector<Step>& steps();
  void pgbench();
  void create_table();
  void grow_table();
  void change_rows();
  void delete_and_vacuum();
  void truncate_and_refill();
  void rewrite_table();
  void drop_table();
  void unlogged_to_logged();
  void create_database_by_copy();
  void create_database_by_wal();
  void move_database_there_and_back();
  void move_table();
  void large_objects();
  void crash();

  size_t below(size_t end) { return static_cast<size_t>(random_.next_u64() % end); }
  std::string some_table();
  std::string new_name(const char* what) { return what + std::to_string(next_++); }

  RealServer& server_;
  RandomSource& random_;
  std::vector<std::string> tables_;
  std::vector<std::string> databases_;
  unsigned next_ = 0;
};

}  // namespace spendsync::testing
