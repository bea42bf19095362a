#include "health/check_server.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/exit_code.h"

namespace spendsync::health {
namespace {

constexpr uint64_t kGibibyte = uint64_t{1} << 30;

/// A server without any finding.
ServerFacts healthy() {
  ServerFacts facts;
  facts.info.wal_level = "replica";
  facts.info.archive_mode = "off";
  facts.info.data_checksums = true;
  facts.info.data_directory = "/pg/main";
  facts.health.role = "backup";
  facts.health.may_stream = facts.health.may_read_settings = facts.health.may_switch_wal = true;
  facts.health.may_start_backup = facts.health.may_stop_backup = true;
  facts.health.start_function = "pg_backup_start(text, boolean)";
  facts.health.stop_function = "pg_backup_stop(boolean)";
  facts.health.max_wal_senders = facts.health.max_slots = 10;
  facts.health.slot_keep_size_bytes = 8 * kGibibyte;
  facts.health.max_wal_size_bytes = kGibibyte;
  facts.slot_name = "spendsync_backup_main";
  postgres::SlotState slot;
  slot.name = facts.slot_name;
  slot.wal_status = "reserved";
  slot.restart_lsn = Lsn{0x1000000};
  slot.safe_wal_size = static_cast<int64_t>(7 * kGibibyte);
  facts.slot = slot;
  facts.pg_wal_free_bytes = 100 * kGibibyte;
  facts.has_backups = true;
  return facts;
}

CheckItem item_of(const ServerFacts& facts, const std::string& name) {
  const auto items = judge_server(facts);
  const auto found = std::find_if(items.begin(), items.end(), [&](const CheckItem& item) { return item.name == name; });
  EXPECT_NE(found, items.end()) << name;
  return found == items.end() ? CheckItem{} : *found;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(CheckServer, HealthyServerHasOnlyOkItemsWithoutFixes) {
  for (const auto& item : judge_server(healthy())) {
    EXPECT_EQ(item.verdict, CheckVerdict::ok) << item.name << ": " << item.what;
    EXPECT_EQ(item.fix, "") << item.name;
  }
}

TEST(CheckServer, NamesEveryMissingRightWithItsGrant) {
  auto facts = healthy();
  facts.health.may_stream = false;
  facts.health.may_stop_backup = false;
  facts.health.may_switch_wal = false;
  const auto item = item_of(facts, "server.rights");
  EXPECT_EQ(item.verdict, CheckVerdict::problem);
  EXPECT_EQ(item.exit_code, kRefused);
  EXPECT_EQ(item.what, "role \"backup\" may not stream WAL, call pg_backup_stop(boolean), call pg_switch_wal()");
  EXPECT_EQ(item.fix,
            "in psql, as a superuser: ALTER ROLE \"backup\" REPLICATION; GRANT EXECUTE ON FUNCTION "
            "pg_backup_stop(boolean) TO \"backup\"; GRANT EXECUTE ON FUNCTION pg_switch_wal() TO \"backup\";");
}

TEST(CheckServer, MinimalWalLevelIsAProblem) {
  auto facts = healthy();
  facts.info.wal_level = "minimal";
  const auto item = item_of(facts, "server.wal_level");
  EXPECT_EQ(item.verdict, CheckVerdict::problem);
  EXPECT_TRUE(contains(item.fix, "ALTER SYSTEM SET wal_level = 'replica';")) << item.fix;
  EXPECT_TRUE(contains(item.fix, "pg_ctl restart -D /pg/main")) << item.fix;
}

TEST(CheckServer, SendersAndSlotsRunOut) {
  auto facts = healthy();
  facts.health.wal_senders = 10;
  EXPECT_EQ(item_of(facts, "server.wal_senders").verdict, CheckVerdict::problem);
  facts.slot.reset();
  facts.health.slots = 10;
  const auto slot = item_of(facts, "server.slot");
  EXPECT_EQ(slot.verdict, CheckVerdict::problem);
  EXPECT_TRUE(contains(slot.fix, "max_replication_slots = 15")) << slot.fix;
}

TEST(CheckServer, MissingSlotMattersOnlyOnceThereAreBackups) {
  auto facts = healthy();
  facts.slot.reset();
  EXPECT_EQ(item_of(facts, "server.slot").verdict, CheckVerdict::warning);
  facts.has_backups = false;
  EXPECT_EQ(item_of(facts, "server.slot").verdict, CheckVerdict::ok);
}

TEST(CheckServer, SlotThatIsLostOrAboutToBe) {
  auto facts = healthy();
  facts.slot->wal_status = "lost";
  auto item = item_of(facts, "server.slot");
  EXPECT_EQ(item.exit_code, kObjectiveMissed);
  EXPECT_EQ(item.fix, "spendsync-backup backup full");
  facts.slot->wal_status = "unreserved";
  item = item_of(facts, "server.slot");
  EXPECT_EQ(item.verdict, CheckVerdict::problem);
  EXPECT_EQ(item.fix, "spendsync-backup backup transaction_logs");
  facts.slot->wal_status = "extended";
  facts.slot->safe_wal_size = 100 << 20;
  item = item_of(facts, "server.slot");
  EXPECT_EQ(item.verdict, CheckVerdict::warning);
  EXPECT_TRUE(contains(item.what, "after 100.0 MiB more of WAL it may be lost")) << item.what;
}

TEST(CheckServer, UnlimitedSlotIsExplainedAndALimitProposedThatFitsTheDisk) {
  auto facts = healthy();
  facts.health.slot_keep_size_bytes.reset();
  facts.pg_wal_free_bytes = 40 * kGibibyte;
  const auto item = item_of(facts, "server.slot_limit");
  EXPECT_EQ(item.verdict, CheckVerdict::warning);
  EXPECT_TRUE(contains(item.what, "unlimited")) << item.what;
  EXPECT_TRUE(contains(item.what, "40.0 GiB free")) << item.what;
  EXPECT_TRUE(contains(item.fix, "max_slot_wal_keep_size = '20GB'; SELECT pg_reload_conf();")) << item.fix;
}

TEST(CheckServer, SlotLimitBelowAnOrdinaryBurstOrAboveTheDiskIsUseless) {
  auto facts = healthy();
  facts.health.slot_keep_size_bytes = 512u << 20;
  auto item = item_of(facts, "server.slot_limit");
  EXPECT_EQ(item.verdict, CheckVerdict::warning);
  EXPECT_TRUE(contains(item.what, "less than max_wal_size")) << item.what;
  facts.health.slot_keep_size_bytes = 500 * kGibibyte;
  item = item_of(facts, "server.slot_limit");
  EXPECT_EQ(item.verdict, CheckVerdict::warning);
  EXPECT_TRUE(contains(item.what, "does not protect the server")) << item.what;
}

TEST(CheckServer, ArchiverThatFailsOrHasNothingToDo) {
  auto facts = healthy();
  facts.info.archive_mode = "on";
  EXPECT_EQ(item_of(facts, "server.archiver").verdict, CheckVerdict::warning);  // no command
  facts.info.archive_command = "cp %p /archive/%f";
  EXPECT_EQ(item_of(facts, "server.archiver").verdict, CheckVerdict::ok);
  facts.health.archiver.failed_count = 3;
  facts.health.archiver.last_failed_wal = "000000010000000000000007";
  facts.health.archiver.last_archived = Timestamp(std::chrono::hours(10));
  facts.health.archiver.last_failed = Timestamp(std::chrono::hours(11));
  const auto item = item_of(facts, "server.archiver");
  EXPECT_EQ(item.verdict, CheckVerdict::problem);
  EXPECT_TRUE(contains(item.what, "3 failures, the last at 1970-01-01T11:00:00Z with 000000010000000000000007"));
  EXPECT_TRUE(contains(item.fix, "cp %p /archive/%f")) << item.fix;
  facts.health.archiver.last_archived = Timestamp(std::chrono::hours(12));
  EXPECT_EQ(item_of(facts, "server.archiver").verdict, CheckVerdict::ok);  // it works again
}

TEST(CheckServer, WarnsOfSettingsThatEndangerTheData) {
  auto facts = healthy();
  facts.health.fsync = false;
  EXPECT_TRUE(contains(item_of(facts, "server.durability").fix, "fsync = on"));
  facts.health.fsync = true;
  facts.info.full_page_writes = false;
  EXPECT_TRUE(contains(item_of(facts, "server.durability").fix, "full_page_writes = on"));
  facts.info.data_checksums = false;
  EXPECT_EQ(item_of(facts, "server.checksums").fix, "with the server stopped: pg_checksums --enable -D /pg/main");
  facts.health.synchronous_standby_names = "*";
  EXPECT_EQ(item_of(facts, "server.synchronous").verdict, CheckVerdict::warning);
}

}  // namespace
}  // namespace spendsync::health
