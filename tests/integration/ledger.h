// Clients that remember, outside the database, which commits the server acknowledged and when.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "postgres/connection.h"

namespace spendsync::testing {

struct AcknowledgedCommit {
  int64_t id = 0;
  Timestamp begun;         // before the statement was sent
  Timestamp acknowledged;  // after the server's answer came
};

/// Threads that insert rows into the table `ledger` as fast as the server takes them. The table is made by the first.
/// All are connected when the constructor returns: whatever happens to the server later is no failure of theirs.
class LedgerClients {
 public:
  LedgerClients(std::string connection_string, int clients);
  ~LedgerClients();
  /// Waits until this many more commits have been acknowledged.
  void wait_for_commits(size_t more);
  /// Ends the clients; what they saw, ordered by acknowledgement. A server that went away ends them as well.
  std::vector<AcknowledgedCommit> stop();

 private:
  void run(std::stop_token stop, int client, postgres::Connection connection);
  std::string connection_string_;
  SystemClock clock_;
  std::atomic<size_t> acknowledged_{0};
  std::vector<std::vector<AcknowledgedCommit>> seen_;  // one a client, written by its thread only
  std::vector<std::jthread> threads_;
};

/// Ids of the table `ledger` in a running server.
std::set<int64_t> ledger_ids(const std::string& connection_string);

/// Every commit acknowledged by `moment` is there and none begun after it. Adds a test failure naming the first of
/// each.
void expect_exactly_until(const std::vector<AcknowledgedCommit>& commits, Timestamp moment,
                          const std::set<int64_t>& found, const std::string& what);

}  // namespace spendsync::testing
