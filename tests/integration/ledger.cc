#include "integration/ledger.h"

#include <algorithm>

#include "base/testing.h"
#include "base/time.h"

namespace spendsync::testing {
namespace {
constexpr int64_t kIdsPerClient = 1'000'000'000;
}

LedgerClients::LedgerClients(std::string connection_string, int clients)
    : connection_string_(std::move(connection_string)), seen_(static_cast<size_t>(clients)) {
  auto connection = MUST(postgres::Connection::open({.connection_string = connection_string_}));
  MUST(connection.query("create table if not exists public.ledger(id bigint primary key, filler text)", {}));
  for (int client = 0; client < clients; ++client) {
    auto own = MUST(postgres::Connection::open({.connection_string = connection_string_}));
    threads_.emplace_back([this, client, own = std::move(own)](std::stop_token stop) mutable {
      run(std::move(stop), client, std::move(own));
    });
  }
}

LedgerClients::~LedgerClients() { stop(); }

void LedgerClients::run(std::stop_token stop, int client, postgres::Connection connection) {
  auto& seen = seen_[static_cast<size_t>(client)];
  for (int64_t number = 0; !stop.stop_requested(); ++number) {
    AcknowledgedCommit commit{.id = client * kIdsPerClient + number, .begun = clock_.now(), .acknowledged = {}};
    auto inserted =
        connection.query("insert into public.ledger values ($1, repeat('x', 200))", {std::to_string(commit.id)});
    if (!inserted) return;  // the server is gone: that is what disasters are
    commit.acknowledged = clock_.now();
    seen.push_back(commit);
    acknowledged_.fetch_add(1);
    acknowledged_.notify_all();
  }
}

void LedgerClients::wait_for_commits(size_t more) {
  const size_t goal = acknowledged_.load() + more;
  for (size_t now = acknowledged_.load(); now < goal; now = acknowledged_.load()) acknowledged_.wait(now);
}

std::vector<AcknowledgedCommit> LedgerClients::stop() {
  threads_.clear();  // stops and joins
  std::vector<AcknowledgedCommit> all;
  for (const auto& seen : seen_) all.insert(all.end(), seen.begin(), seen.end());
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.acknowledged < b.acknowledged; });
  return all;
}

std::set<int64_t> ledger_ids(const std::string& connection_string) {
  auto connection = MUST(postgres::Connection::open({.connection_string = connection_string}));
  auto rows = MUST(connection.query("select id from public.ledger", {}));
  std::set<int64_t> ids;
  for (const auto& row : rows.rows) ids.insert(std::stoll(row.at(0).value_or("-1")));
  return ids;
}

void expect_exactly_until(const std::vector<AcknowledgedCommit>& commits, Timestamp moment,
                          const std::set<int64_t>& found, const std::string& what) {
  size_t lost = 0;
  size_t from_the_future = 0;
  for (const auto& commit : commits) {
    const bool there = found.contains(commit.id);
    if (commit.acknowledged <= moment && !there && ++lost == 1) {
      ADD_FAILURE() << what << ": commit " << commit.id << " acknowledged at " << format_utc(commit.acknowledged)
                    << " is missing at " << format_utc(moment);
    }
    if (commit.begun > moment && there && ++from_the_future == 1) {
      ADD_FAILURE() << what << ": commit " << commit.id << " begun at " << format_utc(commit.begun) << " is there at "
                    << format_utc(moment);
    }
  }
  EXPECT_EQ(lost, 0u) << what;
  EXPECT_EQ(from_the_future, 0u) << what;
}

}  // namespace spendsync::testing
