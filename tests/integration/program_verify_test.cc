// verify reads everything that counts, and what it found is believed: by list, status, restores and expire.
#include <gmock/gmock.h>

#include <filesystem>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string today() { return TimeZone::utc().day_of(SystemClock().now()); }

class ProgramVerify : public ::testing::Test {
 protected:
  ProgramVerify() : installation_((server_.start(), server_)) {
    server_.psql("create table kept as select i, md5(i::text) as t from generate_series(1, 20000) i");
  }
  std::string full() { return MUST(installation_.must_summarize({"backup", "full"}).text("label")); }
  /// The first object whose key holds `part`.
  std::string find_object(const std::string& part) const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(installation_.repository_path())) {
      if (entry.is_regular_file() && entry.path().string().find(part) != std::string::npos) {
        found.push_back(entry.path());
      }
    }
    std::ranges::sort(found);
    return found.empty() ? std::string() : found.front();
  }
  /// Returns what was there.
  Bytes flip_bit(const std::string& path) const {
    const auto whole = MUST(read_file(path));
    auto damaged = whole;
    damaged[damaged.size() / 2] ^= std::byte{1};
    put(path, damaged);
    return whole;
  }
  void put(const std::string& path, ByteView content) const {
    MUST(remove_tree(path));
    MUST(replace_file(path, content, 0644));
  }
  std::string listed_state(const std::string& label) const {
    const auto list = installation_.must_summarize({"list", "full"});
    for (const auto& backup : *MUST(list.array_of("backups"))) {
      if (MUST(backup.text("label")) == label) return MUST(backup.text("state"));
    }
    return "not listed";
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(ProgramVerify, AllReadsWalThatNoRecordNames) {
  full();
  installation_.must_run({"backup", "transaction_logs"});
  const auto segment = server_.psql("select pg_walfile_name(pg_current_wal_lsn())");
  server_.psql("insert into kept values (0, 'archived alone')");
  server_.psql("select pg_switch_wal()");
  installation_.must_run({"wal", "push", server_.data_directory() + "/pg_wal/" + segment});
  EXPECT_EQ(installation_.run({"verify", "--all"}).exit_status, 0);

  const auto object = find_object(segment);
  const auto whole = flip_bit(object);
  installation_.must_run({"verify", "full", today()});
  const auto output = installation_.run({"verify", "--all"});
  EXPECT_EQ(output.exit_status, 8) << output.out;
  EXPECT_THAT(output.out, HasSubstr("DAMAGED  "));
  EXPECT_THAT(output.out, HasSubstr("/wal/00000001/" + segment));
  put(object, whole);
  EXPECT_EQ(installation_.run({"verify", "--all"}).exit_status, 0);
}

TEST_F(ProgramVerify, AllReadsMarksAndPinsToo) {
  const auto label = full();
  installation_.must_run({"backup", "incremental"});
  installation_.must_run({"pin", label, "kept for the audit"});
  for (const char* part : {"/pins/", "/children/", "/started"}) {
    const auto object = find_object(part);
    ASSERT_FALSE(object.empty()) << part;
    const auto whole = flip_bit(object);
    const auto output = installation_.run({"verify", "--all"});
    EXPECT_EQ(output.exit_status, 8) << part << output.out;
    EXPECT_THAT(output.out, HasSubstr(part));
    put(object, whole);
  }
  EXPECT_EQ(installation_.run({"verify", "--all"}).exit_status, 0);
}

TEST_F(ProgramVerify, WhatItFoundIsBelievedUntilALaterOneFindsNothing) {
  const auto older = full();
  server_.psql("insert into kept values (-1, 'later')");
  const auto newer = full();
  EXPECT_EQ(listed_state(newer), "ok");
  const auto pack = find_object("/" + newer + "/packs/");
  const auto whole = flip_bit(pack);
  const auto found = installation_.run({"verify", "full", newer});
  EXPECT_EQ(found.exit_status, 8) << found.out;
  EXPECT_LT(found.out.find("DAMAGED  "), found.out.find("that takes along")) << found.out;

  EXPECT_EQ(listed_state(newer), "DAMAGED");
  EXPECT_EQ(listed_state(older), "ok");
  EXPECT_THAT(installation_.must_run({"list"}), HasSubstr("verify of "));
  EXPECT_EQ(installation_.run({"status"}).exit_status, 8);
  const auto plan = installation_.must_run({"restore", "--latest", "--plan"});
  EXPECT_THAT(plan, HasSubstr("backup        " + older));
  EXPECT_THAT(plan, HasSubstr(newer));  // named as passed over
  const auto expire = installation_.must_run({"expire", "--dry-run"});
  EXPECT_THAT(expire, HasSubstr(older + "  younger than 28 d; the last good full"));

  put(pack, whole);
  EXPECT_EQ(listed_state(newer), "DAMAGED") << "only a verify tells that it was brought back";
  installation_.must_run({"verify", "full", newer});
  EXPECT_EQ(listed_state(newer), "ok");
  EXPECT_THAT(installation_.must_run({"list"}), HasSubstr("verified "));
  EXPECT_EQ(installation_.run({"status"}).exit_status, 0);
  EXPECT_THAT(installation_.must_run({"restore", "--latest", "--plan"}), HasSubstr("backup        " + newer));
}

}  // namespace
}  // namespace spendsync::testing
