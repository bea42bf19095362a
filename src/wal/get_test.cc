// The contract of restore_command, case by case: what PostgreSQL takes for the end of WAL must be the end of WAL.
#include "wal/get.h"

#include <gmock/gmock.h>

#include <thread>

#include "base/file.h"
#include "base/testing.h"
#include "base/time.h"
#include "postgres/wal/testing/wal_builder.h"
#include "repository/log_record.h"
#include "repository/testing/open_world.h"
#include "repository/wal_archive.h"
#include "storage/testing/faulty_store.h"
#include "wal/failure.h"
#include "wal/window.h"

namespace spendsync::wal {
namespace {

using testing::HasSubstr;

constexpr uint32_t kSegment = 16u << 20;
constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};

Bytes segment_content(uint64_t number) {
  Bytes content(kSegment);
  for (size_t i = 0; i < content.size(); i += 4096) content[i] = static_cast<std::byte>((number + i / 4096) & 0xff);
  return content;
}
/// As a server writes it: its first page says which segment it is.
Bytes servers_segment(uint64_t number) {
  postgres::WalBuilder::Settings settings;
  settings.segment_size = kSegment;
  settings.system_identifier = repository::SampleWorld::kSystem;
  settings.first_segment = number;
  postgres::WalBuilder builder(settings);
  builder.fill(1000);
  return builder.segment(number);
}

std::string name_of(TimelineId timeline, uint64_t number) { return SegmentName{timeline, number}.file_name(kSegment); }

class WalGet : public ::testing::Test {
 protected:
  WalGet() {
    MUST(make_directories(data() + "/pg_wal", 0700));
    MUST(make_directories(window(), 0700));
  }
  std::string data() const { return directory_.path() + "/data"; }
  std::string window() const { return directory_.path() + "/data.wal"; }
  std::string target() const { return data() + "/pg_wal/RECOVERYXLOG"; }
  repository::Repository& repository() { return repository_.repository(); }
  repository::WalArchive archive() { return {repository(), {}}; }

  void store(TimelineId timeline, uint64_t number) {
    MUST(archive().put_segment({timeline, number}, segment_content(number), {}));
  }
  void store_log(TimelineId timeline, Lsn from, Lsn to) {
    repository::LogRecord record;
    record.label = repository::Label::make(MUST(parse_rfc3339("2024-03-15T04:00:00Z")), BackupType::transaction_logs);
    record.ranges = {{timeline, from, to}};
    MUST(repository::put_log_record(repository(), record, {}));
  }
  WalPlan plan() const {
    WalPlan plan;
    plan.plan_id = "0123456789abcdef";
    plan.cluster = repository_.settings.cluster;
    plan.system_identifier = repository::SampleWorld::kSystem;
    plan.segment_size = kSegment;
    plan.runs = {{{kOne, 5}, {kOne, 9}}};
    plan.in_backup = SegmentRun{{kOne, 5}, {kOne, 6}};
    plan.histories = {};
    plan.window = window();
    return plan;
  }
  void write_plan(const WalPlan& plan) {
    auto text = to_json(plan).dump();
    MUST(replace_file(data() + "/" + repository::kWalPlanFile, as_bytes(text), 0600));
  }
  WalGetOutcome get(const std::string& file_name, bool with_plan = false) {
    WalGetRequest request{
        .file_name = file_name, .path = "pg_wal/RECOVERYXLOG", .plan = {}, .working_directory = data()};
    if (with_plan) request.plan = repository::kWalPlanFile;
    request.window_timeout = std::chrono::milliseconds(10'000);
    return wal_get(request, open_, clock_, {});
  }
  Bytes delivered() const { return MUST(read_file(target(), kSegment)); }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "wal-get-"));
  SystemClock clock_;
  repository::OpenWorld repository_;
  int opened_ = 0;
  OpenRepository open_ = [this]() -> Result<repository::Repository*> {
    ++opened_;
    return &repository_.repository();
  };
};

// ---- without a plan

TEST_F(WalGet, DeliversASegmentWhole) {
  store(kOne, 5);
  EXPECT_EQ(get(name_of(kOne, 5)).exit_code, 0);
  EXPECT_EQ(delivered(), segment_content(5));
  EXPECT_THAT(MUST(list_directory(data() + "/pg_wal")), testing::ElementsAre("RECOVERYXLOG"));
}

TEST_F(WalGet, SaysOneForWhatIsProvedAbsent) {
  auto outcome = get(name_of(kOne, 5));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_FALSE(exists(target()));
  store(kOne, 4);  // older WAL says nothing about newer
  EXPECT_EQ(get(name_of(kOne, 5)).exit_code, 1);
  EXPECT_EQ(get("00000002.history").exit_code, 1);
  EXPECT_EQ(get(name_of(kTwo, 5)).exit_code, 1);
}

TEST_F(WalGet, NeverCallsASegmentAbsentThatLaterOnesFollow) {
  store(kOne, 4);
  store(kOne, 6);
  auto outcome = get(name_of(kOne, 5));
  EXPECT_EQ(outcome.exit_code, 126);
  EXPECT_THAT(outcome.message, HasSubstr("later segments"));
  EXPECT_EQ(get(name_of(kOne, 7)).exit_code, 1);
}

TEST_F(WalGet, NeverCallsASegmentAbsentThatALogRecordCovers) {
  store(kOne, 4);
  store_log(kOne, {4ull * kSegment}, {6ull * kSegment});
  auto outcome = get(name_of(kOne, 5));
  EXPECT_EQ(outcome.exit_code, 126);
  EXPECT_THAT(outcome.message, HasSubstr("20240315T040000Z-transaction_logs covers WAL up to"));
  EXPECT_EQ(get(name_of(kOne, 6)).exit_code, 1);
}

TEST_F(WalGet, NeverCallsASegmentAbsentThatABackupNeeds) {
  auto run = repository_.begin(1);
  repository::commit_bare(*run);  // ended at 0/2000000 on timeline 1: segment 1 is below it
  EXPECT_EQ(get(name_of(kOne, 1)).exit_code, 126);
  EXPECT_EQ(get(name_of(kOne, 2)).exit_code, 1);
}

TEST_F(WalGet, NeverCallsASegmentAbsentThatATimelineForkedOffAfter) {
  store(kOne, 4);
  MUST(archive().put_history(kTwo, "1\t0/7000028\tno recovery target specified\n"));
  EXPECT_EQ(get(name_of(kOne, 6)).exit_code, 126);
  EXPECT_EQ(get(name_of(kOne, 7)).exit_code, 1);  // the fork's own segment is read from the new timeline
  EXPECT_EQ(get("00000002.history").exit_code, 0);
  EXPECT_THAT(std::string(as_text(delivered())), HasSubstr("no recovery target"));
}

TEST_F(WalGet, NeverCallsAHistoryFileAbsentWhoseTimelineHasWal) {
  store(kTwo, 8);
  EXPECT_EQ(get("00000002.history").exit_code, 126);
  EXPECT_EQ(get("00000003.history").exit_code, 1);
}

TEST_F(WalGet, DeliversTheBeginningOfASegmentThatIsStillStreamed) {
  auto content = segment_content(5);
  Bytes begun(content.begin(), content.begin() + 8192);
  MUST(archive().put_part({kOne, 5}, {0, 8192}, begun, {}));
  EXPECT_EQ(get(name_of(kOne, 5)).exit_code, 0);
  auto found = delivered();
  ASSERT_EQ(found.size(), kSegment);
  EXPECT_TRUE(std::equal(begun.begin(), begun.end(), found.begin()));
  EXPECT_TRUE(std::all_of(found.begin() + 8192, found.end(), [](std::byte b) { return b == std::byte{0}; }));
}

TEST_F(WalGet, FailsAbove125ForADamagedObject) {
  store(kOne, 5);
  auto key = repository().layout().segment({kOne, 5}, kSegment);
  auto bytes = MUST(repository_.memory.get(key, 64u << 20));
  for (size_t position : {size_t{0}, bytes.size() / 2, bytes.size() - 1}) {
    auto damaged = bytes;
    damaged[position] ^= std::byte{1};
    repository_.memory.overwrite(key, damaged);
    auto outcome = get(name_of(kOne, 5));
    EXPECT_EQ(outcome.exit_code, 126) << position;
    EXPECT_FALSE(exists(target()));
  }
  auto cut = bytes;
  cut.resize(bytes.size() - 1);
  repository_.memory.overwrite(key, cut);
  EXPECT_EQ(get(name_of(kOne, 5)).exit_code, 126);
  repository_.memory.overwrite(key, bytes);
  EXPECT_EQ(get(name_of(kOne, 5)).exit_code, 0);
}

TEST_F(WalGet, FailsAbove125WhenAKeyIsMissing) {
  store(kOne, 5);
  auto reopened = MUST(repository::Repository::open_for_reading(repository_.settings, std::nullopt,
                                                                repository_.collaborators(repository_.memory)));
  for (const auto& key : repository_.memory.keys()) {
    if (key.text().find("/keys/") != std::string::npos) MUST(repository_.memory.remove(key));
  }
  open_ = [&]() -> Result<repository::Repository*> { return reopened.get(); };
  EXPECT_EQ(get(name_of(kOne, 5)).exit_code, 126);
}

TEST_F(WalGet, FailsAbove125WhenTheRepositoryCannotBeOpenedOrRead) {
  for (auto kind :
       {ErrorKind::not_found, ErrorKind::denied, ErrorKind::transient, ErrorKind::invalid, ErrorKind::internal}) {
    open_ = [kind]() -> Result<repository::Repository*> { return Error(kind, "no repository"); };
    EXPECT_EQ(get(name_of(kOne, 5)).exit_code, 126) << to_string(kind);
    EXPECT_EQ(get("00000002.history").exit_code, 126) << to_string(kind);
  }
  store(kOne, 4);
  for (auto operation : {storage::StoreOperation::get, storage::StoreOperation::list}) {
    storage::FaultyStore faulty(repository_.memory, clock_);
    auto opened = MUST(repository::Repository::open_for_reading(repository_.settings, std::nullopt,
                                                                repository_.collaborators(faulty)));
    faulty.reset();
    faulty.add({.operation = operation, .persistent = true, .kind = ErrorKind::transient});
    open_ = [&]() -> Result<repository::Repository*> { return opened.get(); };
    EXPECT_EQ(get(name_of(kOne, 5)).exit_code, 126) << static_cast<int>(operation);
  }
}

TEST_F(WalGet, FailsAbove125ForWrongArguments) {
  for (const char* name :
       {"", "nonsense", "000000010000000000000005.extra", "../../etc/passwd", "00000001000000000000000G"}) {
    EXPECT_EQ(get(name).exit_code, 126) << name;
  }
  store(kOne, 5);
  WalGetRequest nowhere{
      .file_name = name_of(kOne, 5), .path = "no/such/directory/X", .plan = {}, .working_directory = data()};
  EXPECT_EQ(wal_get(nowhere, open_, clock_, {}).exit_code, 126);
}

TEST_F(WalGet, StopsAbove125AndNeverWith143) {
  std::stop_source stopped;
  stopped.request_stop();
  write_plan(plan());
  MUST(replace_file(window() + "/" + unfinished_segment(name_of(kOne, 7)), {}, 0600));
  WalGetRequest request{.file_name = name_of(kOne, 7),
                        .path = "pg_wal/RECOVERYXLOG",
                        .plan = repository::kWalPlanFile,
                        .working_directory = data()};
  EXPECT_EQ(wal_get(request, open_, clock_, stopped.get_token()).exit_code, 126);
}

TEST_F(WalGet, SaysOneToAStandbyInsteadOfEndingIt) {
  store(kOne, 4);
  store(kOne, 6);
  MUST(replace_file(data() + "/standby.signal", {}, 0600));
  EXPECT_EQ(get(name_of(kOne, 5)).exit_code, 1);
  EXPECT_EQ(get("nonsense").exit_code, 1);
  EXPECT_EQ(get(name_of(kOne, 6)).exit_code, 0);
  EXPECT_EQ(wal_get_failure_code(data()), 1);
  MUST(remove_tree(data() + "/standby.signal"));
  EXPECT_EQ(wal_get_failure_code(data()), 126);
}

TEST_F(WalGet, DeliversBackupAndPartialFiles) {
  auto name = name_of(kOne, 5) + ".00000028.backup";
  MUST(archive().put_file(name, as_bytes("START WAL LOCATION")));
  EXPECT_EQ(get(name).exit_code, 0);
  EXPECT_EQ(as_text(delivered()), "START WAL LOCATION");
  EXPECT_EQ(get(name_of(kOne, 6) + ".00000028.backup").exit_code, 1);
}

// ---- with a plan

TEST_F(WalGet, WithAPlanSaysOneForAllOutsideWithoutOpeningTheRepository) {
  write_plan(plan());
  store(kOne, 10);
  for (const auto& name : {name_of(kOne, 10), name_of(kOne, 4), name_of(kTwo, 7), std::string("00000002.history"),
                           name_of(kOne, 5) + ".00000028.backup"}) {
    EXPECT_EQ(get(name, true).exit_code, 1) << name;
  }
  EXPECT_EQ(opened_, 0);
}

TEST_F(WalGet, WithAPlanDeliversWhatIsInIt) {
  auto with_history = plan();
  with_history.histories = {kTwo};
  write_plan(with_history);
  store(kOne, 7);
  MUST(archive().put_history(kTwo, "1\t0/9000028\twhy\n"));
  EXPECT_EQ(get(name_of(kOne, 7), true).exit_code, 0);
  EXPECT_EQ(delivered(), segment_content(7));
  EXPECT_EQ(get("00000002.history", true).exit_code, 0);
}

TEST_F(WalGet, WithAPlanDeliversThePartialSegmentPaddedAndWhatLiesAsideFirst) {
  auto with_partial = plan();
  with_partial.partial = SegmentRun{{kOne, 9}, {kOne, 9}};
  with_partial.aside = directory_.path() + "/aside";
  write_plan(with_partial);
  auto begun = segment_content(9);
  begun.resize(kSegment / 2);
  MUST(archive().put_file(name_of(kOne, 9) + ".partial", begun));
  EXPECT_EQ(get(name_of(kOne, 9), true).exit_code, 0);
  begun.resize(kSegment);
  EXPECT_EQ(delivered(), begun);
  // Beyond the plan, and of a timeline that the repository does not know.
  EXPECT_EQ(get(name_of(kTwo, 9), true).exit_code, 1);
  MUST(make_directories(with_partial.aside, 0700));
  MUST(replace_file(with_partial.aside + "/" + name_of(kTwo, 9), segment_content(77), 0600));
  EXPECT_EQ(get(name_of(kTwo, 9), true).exit_code, 0);
  EXPECT_EQ(delivered(), segment_content(77));
}

TEST_F(WalGet, WithAPlanWhatIsInItIsNeverAbsent) {
  auto with_history = plan();
  with_history.histories = {kTwo};
  write_plan(with_history);
  EXPECT_EQ(get(name_of(kOne, 7), true).exit_code, 126);
  EXPECT_EQ(get(name_of(kOne, 9), true).exit_code, 126);
  EXPECT_EQ(get("00000002.history", true).exit_code, 126);
}

TEST_F(WalGet, LeavesTheBackupsOwnWalToPgWal) {
  write_plan(plan());
  MUST(replace_file(data() + "/pg_wal/" + name_of(kOne, 5), servers_segment(5), 0600));
  EXPECT_EQ(get(name_of(kOne, 5), true).exit_code, 1);
  EXPECT_EQ(opened_, 0);
  // The server had taken the file for later WAL when it was backed up.
  MUST(replace_file(data() + "/pg_wal/" + name_of(kOne, 5), servers_segment(8), 0600));
  EXPECT_EQ(get(name_of(kOne, 5), true).exit_code, 126);
  // Not as long as a segment: it is no segment, and must come from the repository.
  MUST(replace_file(data() + "/pg_wal/" + name_of(kOne, 5), Bytes(100), 0600));
  EXPECT_EQ(get(name_of(kOne, 5), true).exit_code, 126);
  store(kOne, 5);
  EXPECT_EQ(get(name_of(kOne, 5), true).exit_code, 0);
}

TEST_F(WalGet, PrefersTheRepositorysCopyOfTheSegmentInWhichTheBackupEnded) {
  write_plan(plan());
  MUST(replace_file(data() + "/pg_wal/" + name_of(kOne, 6), servers_segment(6), 0600));
  EXPECT_EQ(get(name_of(kOne, 6), true).exit_code, 1);  // not in the repository: the backup's own reaches its end
  store(kOne, 6);
  EXPECT_EQ(get(name_of(kOne, 6), true).exit_code, 0);
  EXPECT_EQ(delivered(), segment_content(6));
}

TEST_F(WalGet, TakesFromTheWindowWithoutOpeningTheRepository) {
  write_plan(plan());
  MUST(replace_file(window() + "/" + name_of(kOne, 7), segment_content(7), 0600));
  MUST(replace_file(window() + "/" + name_of(kOne, 6), segment_content(6), 0600));  // passed
  EXPECT_EQ(get(name_of(kOne, 7), true).exit_code, 0);
  EXPECT_EQ(delivered(), segment_content(7));
  EXPECT_EQ(opened_, 0);
  EXPECT_TRUE(MUST(list_directory(window())).empty());
}

TEST_F(WalGet, WaitsForASegmentThatIsJustBeingFetched) {
  write_plan(plan());
  auto whole = window() + "/" + name_of(kOne, 7);
  auto unfinished = window() + "/" + unfinished_segment(name_of(kOne, 7));
  auto content = segment_content(7);
  MUST(replace_file(unfinished, ByteView(content).first(1000), 0600));
  std::jthread fetcher([&] {
    MUST(replace_file(unfinished, content, 0600));
    ASSERT_EQ(::rename(unfinished.c_str(), whole.c_str()), 0);
  });
  EXPECT_EQ(get(name_of(kOne, 7), true).exit_code, 0);
  fetcher.join();
  EXPECT_EQ(delivered(), content);
  EXPECT_EQ(opened_, 0);
}

TEST_F(WalGet, DistrustsAWindowFileOfAnotherSizeOrKind) {
  write_plan(plan());
  store(kOne, 7);
  auto whole = window() + "/" + name_of(kOne, 7);
  MUST(replace_file(whole, Bytes(1000), 0600));
  EXPECT_EQ(get(name_of(kOne, 7), true).exit_code, 0);
  EXPECT_EQ(delivered(), segment_content(7));
  ASSERT_EQ(::symlink("/etc/passwd", whole.c_str()), 0);
  EXPECT_EQ(get(name_of(kOne, 7), true).exit_code, 0);
  EXPECT_EQ(delivered(), segment_content(7));
}

TEST_F(WalGet, FailsAbove125WithoutAReadablePlan) {
  store(kOne, 7);
  EXPECT_EQ(get(name_of(kOne, 7), true).exit_code, 126);
  for (const char* text : {"", "{", "{}", R"({"version":2})", R"({"version":1,"plan_id":"x"})"}) {
    MUST(replace_file(data() + "/" + repository::kWalPlanFile, as_bytes(text), 0600));
    EXPECT_EQ(get(name_of(kOne, 7), true).exit_code, 126) << text;
  }
}

TEST_F(WalGet, FailsAbove125WhenThePlanIsAnotherClusters) {
  auto other = plan();
  other.system_identifier = SystemIdentifier{42};
  write_plan(other);
  store(kOne, 7);
  EXPECT_EQ(get(name_of(kOne, 7), true).exit_code, 126);
}

TEST(WalPlan, SurvivesItsFile) {
  WalPlan plan;
  plan.plan_id = "0123456789abcdef";
  plan.cluster = "spendsync";
  plan.system_identifier = SystemIdentifier{7300000000000000001u};
  plan.segment_size = 1u << 20;
  plan.runs = {{{kOne, 5}, {kOne, 9}}, {{kTwo, 10}, {kTwo, 1000}}};
  plan.in_backup = SegmentRun{{kOne, 5}, {kOne, 6}};
  plan.histories = {kTwo, TimelineId{3}};
  plan.window = "/somewhere/data.wal";
  EXPECT_EQ(MUST(parse_wal_plan(to_json(plan).dump(true))), plan);
  EXPECT_EQ(plan.segments().size(), 5u + 991u);
  plan.runs[0].last.number = 4;
  EXPECT_KIND(parse_wal_plan(to_json(plan).dump()), ErrorKind::corrupt);
}

// ---- the window

TEST_F(WalGet, WindowHoldsAFewSegmentsAndMovesOnAsTheyAreTaken) {
  for (uint64_t n = 5; n <= 9; ++n) store(kOne, n);
  write_plan(plan());
  auto source = archive();
  Log log({LogLevel::error, Log::Format::console, 2}, clock_);
  WalWindow::Settings settings{.directory = window(),
                               .segments = plan().segments(),
                               .segment_size = kSegment,
                               .ahead = 2,
                               .poll_interval = std::chrono::milliseconds(1)};
  auto ahead = WalWindow::start(source, settings, clock_, log, {});
  for (uint64_t n = 5; n <= 9; ++n) {
    EXPECT_EQ(get(name_of(kOne, n), true).exit_code, 0) << n;
    EXPECT_EQ(delivered(), segment_content(n));
    EXPECT_LE(MUST(list_directory(window())).size(), 2u);
  }
}

TEST_F(WalGet, WindowThatCannotFetchLeavesTheAnswerToWalGet) {
  store(kOne, 5);
  write_plan(plan());  // 6 to 9 are missing
  auto source = archive();
  Log log({LogLevel::error, Log::Format::console, 2}, clock_);
  {
    auto ahead = WalWindow::start(source,
                                  {.directory = window(),
                                   .segments = plan().segments(),
                                   .segment_size = kSegment,
                                   .poll_interval = std::chrono::milliseconds(1)},
                                  clock_, log, {});
    EXPECT_EQ(get(name_of(kOne, 5), true).exit_code, 0);
    EXPECT_EQ(get(name_of(kOne, 7), true).exit_code, 126);
  }
  auto failure = read_wal_failure(window());
  ASSERT_TRUE(failure);
  EXPECT_TRUE(failure->is(ErrorKind::not_found)) << failure->message();
  EXPECT_NE(failure->message().find(name_of(kOne, 7)), std::string::npos) << failure->message();
  for (const auto& name : MUST(list_directory(window()))) {
    if (name == "wal-get-failure.json") continue;
    EXPECT_EQ(name, name_of(kOne, 5)) << "nothing unfinished is left";  // itself only where wal get was faster
  }
}

}  // namespace
}  // namespace spendsync::wal
