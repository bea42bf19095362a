#include "backup/file_copier.h"

#include <sys/stat.h>
#include <unistd.h>

#include "backup/testing/test_pages.h"
#include "repository/testing/open_world.h"
#include "storage/testing/faulty_store.h"

namespace spendsync::backup {
namespace {

using postgres::FileRole;

constexpr uint64_t kFrame = 2 * kTestPageSize;
constexpr uint64_t kRange = 2 * kFrame;

/// A directory of files, and a copier with frames and ranges so small that every file of a few pages is cut up.
class FileCopierTest : public ::testing::Test {
 protected:
  static TemporaryDirectory make_directory() { return MUST(TemporaryDirectory::create("/tmp", "file-copier-test")); }

  void SetUp() override {
    settings_.workers = 3;
    settings_.range_size = kRange;
    settings_.batch_files = 2;
    settings_.batch_bytes = 4 * kFrame;
    settings_.blocks_per_segment = 16;
    settings_.range.frame_size = kFrame;
    settings_.range.pages.page_size = kTestPageSize;
    settings_.range.pages.backup_start = Lsn{0x5000};
    settings_.range.pages.second_look_after = std::chrono::milliseconds(0);
  }

  std::string at(const std::string& name) const { return directory_.path() + "/" + name; }
  void write(const std::string& name, ByteView content) { ASSERT_OK(replace_file(at(name), content, 0600)); }
  CopyFile file(const std::string& name, FileRole role = FileRole::other, uint32_t segment = 0) const {
    CopyFile file;
    file.entry.path = name;
    file.name = at(name);
    struct stat status {};
    EXPECT_EQ(stat(file.name.c_str(), &status), 0) << name;
    file.expected_size = static_cast<uint64_t>(status.st_size);
    file.role = role;
    file.segment = segment;
    file.open = [path = file.name] { return open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK); };
    return file;
  }
  CopyFile captured(const std::string& name) const {
    auto captured = file(name);
    captured.captured = true;
    captured.entry.set = 1;
    return captured;
  }

  FileCopier::Notices notices() {
    return {[this](const std::string& name, const std::string& why) { skipped_[name] = why; },
            [this](const std::string& name, const std::string& why) { changing_[name] = why; },
            [this](const std::string& name, Error error) -> Result<void> {
              unreadable_.emplace(name, error.message());
              if (skip_unreadable_) return {};
              return error;
            }};
  }

  using Files = std::map<std::pair<uint32_t, std::string>, repository::ReadBack>;
  /// Copies, commits and reads back.
  Files backup(std::vector<CopyFile> files) {
    auto run = repository_.begin(settings_.workers);
    auto copier = MUST(FileCopier::create(settings_, {*run, clock(), repository_.log, progress_}, notices()));
    EXPECT_OK(copier->run([&](const FileCopier::Add& add) { return feed(files, add); }, {}));
    stats_ = MUST(copier->finish());
    auto summary = repository::commit_bare(*run);
    return repository::read_back(repository_.repository(), summary.label);
  }
  /// The error of a run that fails.
  Error failure(std::vector<CopyFile> files, std::stop_token stop = {}) {
    auto run = repository_.begin(settings_.workers);
    auto copier = MUST(FileCopier::create(settings_, {*run, clock(), repository_.log, progress_}, notices()));
    auto result = copier->run([&](const FileCopier::Add& add) { return feed(files, add); }, stop);
    EXPECT_FALSE(result.has_value());
    return result ? Error(ErrorKind::internal, "succeeded") : std::move(result).error();
  }
  static Result<void> feed(std::vector<CopyFile>& files, const FileCopier::Add& add) {
    for (auto& file : files) TRY(add(std::move(file)));
    return {};
  }
  const Clock& clock() const { return clock_; }

  TemporaryDirectory directory_ = make_directory();
  repository::OpenWorld repository_;
  SystemClock clock_;  // files are compared with it
  SilentProgress progress_;
  FileCopier::Settings settings_;
  CopyStats stats_;
  std::map<std::string, std::string> skipped_;
  std::map<std::string, std::string> changing_;
  std::multimap<std::string, std::string> unreadable_;
  bool skip_unreadable_ = false;
};

std::pair<uint32_t, std::string> key(const std::string& path, uint32_t set = 0) { return {set, path}; }

TEST_F(FileCopierTest, CopiesFilesOfEverySizeByteForByte) {
  std::map<std::string, Bytes> contents;
  for (size_t size :
       {size_t{0}, size_t{1}, kTestPageSize, kFrame, kFrame + 1, kRange - 1, kRange, kRange + 1, 5 * kRange + 77}) {
    auto name = "file-" + std::to_string(size);
    auto content =
        test_relation({.pages = static_cast<uint32_t>(size / kTestPageSize + 1), .seed = static_cast<uint8_t>(size)});
    content.resize(size);
    write(name, content);
    contents[name] = std::move(content);
  }
  std::vector<CopyFile> files;
  for (const auto& [name, content] : contents) files.push_back(file(name));
  auto found = backup(std::move(files));
  ASSERT_EQ(found.size(), contents.size());
  for (const auto& [name, content] : contents) EXPECT_TRUE(found.at(key(name)).content == content) << name;
  EXPECT_EQ(stats_.files, contents.size());
  EXPECT_EQ(progress_.done_bytes(), stats_.bytes);
  EXPECT_EQ(progress_.done_items(), contents.size());
}

TEST_F(FileCopierTest, KeepsModeAndModificationTimeOfTheOpenFile) {
  write("a", as_bytes("content"));
  ASSERT_EQ(chmod(at("a").c_str(), 0640), 0);
  timespec times[2] = {{1, 2}, {1700000000, 123456789}};
  ASSERT_EQ(utimensat(AT_FDCWD, at("a").c_str(), times, 0), 0);
  auto found = backup({file("a")});
  EXPECT_EQ(found.at(key("a")).entry.mode, 0640u);
  EXPECT_EQ(found.at(key("a")).entry.mtime_ns, 1700000000123456789);
}

TEST_F(FileCopierTest, HashesEveryPageOfMainForksAndOtherFilesByFrames) {
  auto content = test_relation({.pages = 11});
  content.resize(content.size() - 100);  // a part of a page at the end is hashed as it is
  write("16384", content);
  write("16384_fsm", content);
  auto run = repository_.begin(settings_.workers);
  auto copier = MUST(FileCopier::create(settings_, {*run, clock(), repository_.log, progress_}, notices()));
  std::vector<CopyFile> files;
  files.push_back(file("16384", FileRole::relation_main));
  files.push_back(file("16384_fsm", FileRole::relation_other));
  EXPECT_OK(copier->run([&](const FileCopier::Add& add) { return feed(files, add); }, {}));
  stats_ = MUST(copier->finish());
  std::vector<repository::Hash128> expected;
  for (size_t offset = 0; offset < content.size(); offset += kTestPageSize) {
    auto size = std::min(kTestPageSize, content.size() - offset);
    expected.push_back(run->page_hasher().hash(ByteView(content).subspan(offset, size)));
  }
  auto found = repository::read_back(repository_.repository(), repository::commit_bare(*run).label);
  EXPECT_EQ(found.at(key("16384")).block_hashes, expected);
  const auto& other = found.at(key("16384_fsm"));
  ASSERT_TRUE(other.entry.block_hashes.has_value());
  EXPECT_EQ(other.entry.block_hashes->block_size, settings_.range.frame_size);
  ASSERT_FALSE(other.block_hashes.empty());
  auto first = ByteView(content).first(std::min<size_t>(content.size(), settings_.range.frame_size));
  EXPECT_EQ(other.block_hashes.front(), run->page_hasher().hash(first));
}

TEST_F(FileCopierTest, LeavesOutWhatAGrowingFileGainsAfterItWasOpened) {
  for (uint32_t pages : {1u, 9u}) {  // one range and several
    auto content = test_relation({.pages = pages});
    write("grows", content);
    settings_.range.before_read = [this](std::string_view, uint64_t) {
      Fd fd = MUST(open_file(at("grows"), O_WRONLY | O_APPEND));
      ASSERT_OK(write_all(fd, Bytes(100), "grows"));
    };
    auto found = backup({file("grows", FileRole::relation_main)});
    EXPECT_TRUE(found.at(key("grows")).content == content) << pages;
  }
}

TEST_F(FileCopierTest, FillsAShrinkingRelationWithZerosToItsFrozenSize) {
  for (uint32_t pages : {2u, 13u}) {
    auto content = test_relation({.pages = pages});
    write("shrinks", content);
    settings_.range.before_read = [this](std::string_view, uint64_t) {
      ASSERT_EQ(truncate(at("shrinks").c_str(), 5000), 0);
    };
    auto found = backup({file("shrinks", FileRole::relation_main)});
    std::fill(content.begin() + 5000, content.end(), std::byte{0});
    EXPECT_TRUE(found.at(key("shrinks")).content == content) << pages;
    EXPECT_EQ(stats_.page_failures, 0u);
  }
}

TEST_F(FileCopierTest, EndsAShrinkingOtherFileWhereItEnds) {
  write("shrinks", Bytes(3 * kTestPageSize, std::byte{1}));
  settings_.range.before_read = [this](std::string_view, uint64_t) {
    ASSERT_EQ(truncate(at("shrinks").c_str(), 5000), 0);
  };
  auto found = backup({file("shrinks")});
  EXPECT_TRUE(found.at(key("shrinks")).content == Bytes(5000, std::byte{1}));
}

TEST_F(FileCopierTest, LeavesOutAFileThatVanishedAndCopiesTheNext) {
  std::vector<CopyFile> files;
  for (const char* name : {"a", "b", "c", "d"}) write(name, as_bytes(name));
  write("large", Bytes(5 * kRange));
  for (const char* name : {"a", "b", "c", "large", "d"}) files.push_back(file(name));
  ASSERT_EQ(unlink(at("b").c_str()), 0);
  ASSERT_EQ(unlink(at("large").c_str()), 0);
  auto found = backup(std::move(files));
  EXPECT_EQ(found.size(), 3u);
  EXPECT_EQ(as_text(found.at(key("c")).content), "c");
  EXPECT_EQ(as_text(found.at(key("d")).content), "d");
  EXPECT_EQ(stats_.vanished, 2u);
  EXPECT_TRUE(skipped_.empty());
}

TEST_F(FileCopierTest, CopiesAFileToItsEndThoughItsNameVanishesWhileItIsRead) {
  auto content = test_relation({.pages = 13});
  write("16384", content);
  settings_.range.before_read = [this](std::string_view, uint64_t) { unlink(at("16384").c_str()); };
  EXPECT_TRUE(backup({file("16384", FileRole::relation_main)}).at(key("16384")).content == content);
}

TEST_F(FileCopierTest, LeavesOutWithAWarningWhatIsNoFileAnyMore) {
  std::vector<CopyFile> files;
  for (const char* name : {"fifo", "directory", "kept"}) write(name, as_bytes(name));
  for (const char* name : {"fifo", "directory", "kept"}) files.push_back(file(name));
  ASSERT_EQ(unlink(at("fifo").c_str()), 0);
  ASSERT_EQ(mkfifo(at("fifo").c_str(), 0600), 0);
  ASSERT_EQ(unlink(at("directory").c_str()), 0);
  ASSERT_EQ(mkdir(at("directory").c_str(), 0700), 0);
  auto found = backup(std::move(files));
  EXPECT_EQ(found.size(), 1u);
  EXPECT_EQ(skipped_.size(), 2u);
  EXPECT_TRUE(skipped_.contains(at("fifo")));
}

TEST_F(FileCopierTest, BacksUpDamagedPagesAndReportsFileAndBlock) {
  auto content = test_relation({.pages = 16, .first_block = 16});  // the second segment of its relation
  content[1 * kTestPageSize + 4000] ^= std::byte{1};
  content[13 * kTestPageSize + 8191] ^= std::byte{1};
  write("16384.1", content);
  auto found = backup({file("16384.1", FileRole::relation_main, 1)});
  EXPECT_TRUE(found.at(key("16384.1")).content == content);
  EXPECT_EQ(found.at(key("16384.1")).entry.bad_blocks, (std::vector<uint32_t>{1, 13}));
  EXPECT_EQ(stats_.page_failures, 2u);
  ASSERT_EQ(stats_.page_failure_files.size(), 1u);
  EXPECT_EQ(stats_.page_failure_files[0].path, "16384.1");
  EXPECT_EQ(stats_.page_failure_files[0].blocks, (std::vector<uint32_t>{1, 13}));
}

TEST_F(FileCopierTest, LooksAtPagesOfRelationsOnly) {
  write("pg_control", Bytes(kTestPageSize, std::byte{0x5a}));
  backup({file("pg_control")});
  EXPECT_EQ(stats_.page_failures, 0u);
}

TEST_F(FileCopierTest, FailsOnAReadErrorAndNamesFileAndOffset) {
  write("16384", Bytes(kFrame));
  auto broken = file("16384", FileRole::relation_main);
  broken.open = [path = at("16384")] { return open_file(path, O_WRONLY); };  // pread fails with EBADF
  auto error = failure([&] {
    std::vector<CopyFile> files;
    files.push_back(std::move(broken));
    return files;
  }());
  EXPECT_NE(error.message().find(at("16384")), std::string::npos) << error.message();
  EXPECT_NE(error.message().find("at 0"), std::string::npos) << error.message();
}

TEST_F(FileCopierTest, ReadsACapturedFileAgainThatChangedWhileItWasRead) {
  write("config", as_bytes("old"));
  int reads = 0;
  settings_.range.before_read = [&](std::string_view, uint64_t) {
    if (++reads == 1) {
      Fd fd = MUST(open_file(at("config"), O_WRONLY | O_APPEND));
      ASSERT_OK(write_all(fd, as_bytes(" and new"), "config"));
    }
  };
  auto found = backup([&] {
    std::vector<CopyFile> files;
    files.push_back(captured("config"));
    return files;
  }());
  EXPECT_EQ(as_text(found.at(key("config", 1)).content), "old and new");
  EXPECT_TRUE(changing_.empty());
  EXPECT_EQ(stats_.sets.at(1).files, 1u);
  EXPECT_EQ(stats_.sets.at(1).bytes, 11u);
}

TEST_F(FileCopierTest, ReportsACapturedFileThatNeverStaysTheSame) {
  write("log", as_bytes("x"));
  settings_.range.before_read = [&](std::string_view, uint64_t) {
    Fd fd = MUST(open_file(at("log"), O_WRONLY | O_APPEND));
    ASSERT_OK(write_all(fd, as_bytes("x"), "log"));
  };
  std::vector<CopyFile> files;
  files.push_back(captured("log"));
  auto found = backup(std::move(files));
  EXPECT_EQ(as_text(found.at(key("log", 1)).content), "xxx");
  EXPECT_TRUE(changing_.contains(at("log")));
}

TEST_F(FileCopierTest, AsksWhatToDoAboutACapturedFileThatCannotBeOpened) {
  for (bool skip : {true, false}) {
    write("config", as_bytes("x"));
    skip_unreadable_ = skip;
    std::vector<CopyFile> files;
    files.push_back(captured("config"));
    files[0].open = [] { return Result<Fd>(Error(ErrorKind::denied, "not yours")); };
    if (skip) {
      EXPECT_TRUE(backup(std::move(files)).empty());
    } else {
      EXPECT_EQ(failure(std::move(files)).kind(), ErrorKind::denied);
    }
  }
  EXPECT_EQ(unreadable_.count(at("config")), 2u);
}

TEST_F(FileCopierTest, DoesNotBlameTheSourceForAStoreThatFails) {
  write("config", Bytes(kFrame, std::byte{1}));
  storage::FaultyStore store(repository_.memory, clock());
  auto repository = repository_.open(store);
  skip_unreadable_ = true;
  storage::StoreFault fault;
  fault.operation = storage::StoreOperation::append;
  fault.kind = ErrorKind::exhausted;
  fault.persistent = true;
  store.add(fault);
  auto run = MUST(repository::BackupRun::begin(*repository, repository::bare_run_settings(settings_.workers), {}));
  auto copier = MUST(FileCopier::create(settings_, {*run, clock(), repository_.log, progress_}, notices()));
  auto result = copier->run(
      [&](const FileCopier::Add& add) -> Result<void> {
        for (int i = 0; i < 1000; ++i) TRY(add(captured("config")));
        return {};
      },
      {});
  EXPECT_KIND(result, ErrorKind::exhausted);
  EXPECT_TRUE(unreadable_.empty());
}

TEST_F(FileCopierTest, StopsInTheMiddleOfAFile) {
  write("16384", Bytes(20 * kRange));
  std::stop_source stop;
  settings_.range.before_read = [&](std::string_view, uint64_t offset) {
    if (offset >= kRange) stop.request_stop();
  };
  std::vector<CopyFile> files;
  files.push_back(file("16384", FileRole::relation_main));
  EXPECT_EQ(failure(std::move(files), stop.get_token()).kind(), ErrorKind::cancelled);
}

TEST_F(FileCopierTest, StoresContentFromMemoryAfterTheFiles) {
  auto run = repository_.begin(settings_.workers);
  auto copier = MUST(FileCopier::create(settings_, {*run, clock(), repository_.log, progress_}, notices()));
  EXPECT_OK(copier->run([](const FileCopier::Add&) { return ok(); }, {}));
  Bytes content(3 * kFrame + 5, std::byte{3});
  repository::FileEntry entry;
  entry.path = "global/pg_control";
  EXPECT_OK(copier->add_content(entry, content));
  stats_ = MUST(copier->finish());
  auto found = repository::read_back(repository_.repository(), repository::commit_bare(*run).label);
  EXPECT_TRUE(found.at(key("global/pg_control")).content == content);
}

TEST_F(FileCopierTest, AWorkerThatThrowsEndsTheRunWithItsError) {
  std::vector<CopyFile> files;
  for (int i = 0; i < 40; ++i) {
    write("f" + std::to_string(i), Bytes(1000, std::byte{1}));
    files.push_back(file("f" + std::to_string(i)));
  }
  files[5].open = []() -> Result<Fd> { throw std::bad_alloc(); };
  auto error = failure(files);
  EXPECT_TRUE(error.is(ErrorKind::internal)) << error.message();
  EXPECT_NE(error.message().find("thread copy ended by an exception"), std::string::npos) << error.message();
}

}  // namespace
}  // namespace spendsync::backup
