#include "health/check_history.h"

#include "base/condition.h"
#include "base/exit_code.h"
#include "wal/lineage.h"

namespace spendsync::health {

CheckItem check_history(repository::Repository& repository, postgres::Connection& connection,
                        const postgres::ServerInfo& server, std::stop_token stop) {
  if (server.in_recovery) {
    return {.name = "server.history",
            .verdict = CheckVerdict::not_checked,
            .what = "because the server is a standby, which writes no WAL of its own"};
  }
  repository::WalArchive archive(repository, {});
  wal::WalLineage lineage(
      {server.data_directory + "/pg_wal", server.wal_segment_size, server.version / 10000, server.system_identifier},
      archive);
  return judge_history(lineage.expect_same_history(connection, server.timeline, stop));
}

CheckItem judge_history(const Result<void>& same) {
  CheckItem item{.name = "server.history", .what = "the stored WAL of its timeline is the server's own"};
  if (same) return item;
  item.verdict = CheckVerdict::problem;
  item.what = same.error().message();
  item.exit_code = exit_code(same.error(), 0);
  if (same.error().condition() == Condition::wal_diverged) {
    item.what += ": no backup can be taken, and what it commits is stored nowhere";
    item.fix = "spendsync-backup timeline fork   # where this server is the one to go on with; then: backup full";
    item.exit_code = kObjectiveMissed;
  }
  return item;
}

}  // namespace spendsync::health
