// Copying into an incremental: whatever happens to files between two backups, the incremental gives them back as they
// are, and stores no block that the full has.
#include <sys/stat.h>

#include "backup/file_copier.h"
#include "backup/testing/test_pages.h"
#include "repository/testing/open_world.h"

namespace spendsync::backup {
namespace {

using postgres::FileRole;
using repository::FrameSource;
using repository::Label;

constexpr uint64_t kFrame = 4 * kTestPageSize;
constexpr uint64_t kRange = 2 * kFrame;

class IncrementalCopyTest : public ::testing::Test {
 protected:
  struct OnDisk {
    Bytes content;
    FileRole role = FileRole::relation_main;
    bool captured = false;
  };

  void SetUp() override {
    settings_.workers = 2;
    settings_.range_size = kRange;
    settings_.batch_bytes = kFrame;
    settings_.range.frame_size = kFrame;
    settings_.range.pages.page_size = kTestPageSize;
    settings_.range.pages.enabled = false;
  }

  /// Files with a number for a name are relations, and lie where those do.
  static std::string path_of(const std::string& name) {
    return std::isdigit(static_cast<unsigned char>(name[0])) != 0 ? "base/5/" + name : name;
  }
  std::string at(const std::string& name) const { return directory_.path() + "/" + name; }

  /// Writes what differs and removes what is gone, as a server would: untouched files keep their times.
  void write_files() {
    for (const auto& [name, file] : files_) {
      auto there = read_file(at(name));
      if (there && *there == file.content) continue;
      ASSERT_OK(replace_file(at(name), file.content, 0600));
    }
    for (const auto& name : MUST(list_directory(directory_.path()))) {
      if (!files_.contains(name)) MUST(remove_tree(at(name)));
    }
  }

  Result<void> feed(const FileCopier::Add& add) {
    for (const auto& [name, file] : files_) {
      CopyFile copy;
      copy.entry.path = path_of(name);
      copy.entry.set = file.captured ? 1 : 0;
      copy.name = at(name);
      copy.expected_size = file.content.size();
      copy.role = file.role;
      copy.captured = file.captured;
      copy.open = [path = copy.name] { return open_file(path, O_RDONLY); };
      TRY(add(std::move(copy)));
    }
    return {};
  }

  Label backup(std::optional<Label> full, const postgres::WalChangeSet* changes = nullptr) {
    write_files();
    auto& repository = repository_.repository();
    std::unique_ptr<repository::BaseFiles> base;
    auto settings = repository::bare_run_settings(settings_.workers);
    if (full) {
      base = MUST(repository::BaseFiles::open(repository, *full, {}));
      settings.type = BackupType::incremental;
      settings.parent = *full;
    }
    auto run = MUST(repository::BackupRun::begin(repository, settings, {}));
    auto copier =
        MUST(FileCopier::create(settings_, {*run, clock_, repository_.log, progress_, base.get(), changes}, notices()));
    EXPECT_OK(copier->run([&](const FileCopier::Add& add) { return feed(add); }, {}));
    stats_ = MUST(copier->finish());
    return repository::commit_bare(*run).label;
  }

  static FileCopier::Notices notices() {
    return {[](const std::string& name, const std::string& why) { ADD_FAILURE() << name << ": " << why; },
            [](const std::string& name, const std::string& why) { ADD_FAILURE() << name << ": " << why; },
            [](const std::string&, Error error) -> Result<void> { return error; }};
  }

  /// Bytes of content by where they lie.
  uint64_t expect_as_on_disk(const Label& label) {
    auto found = repository::read_back(repository_.repository(), label);
    EXPECT_EQ(found.size(), files_.size());
    uint64_t own = 0;
    for (const auto& [name, file] : files_) {
      auto copy = found.find({file.captured ? 1 : 0, path_of(name)});
      if (copy == found.end()) {
        ADD_FAILURE() << name << " is missing";
        continue;
      }
      EXPECT_TRUE(copy->second.content == file.content) << name;
      EXPECT_EQ(copy->second.entry.block_hashes.has_value(), label.type() == BackupType::full && !file.content.empty());
      for (const auto& run : copy->second.entry.content.runs()) own += run.source == FrameSource::own ? run.length : 0;
    }
    return own;
  }

  static Bytes pages(uint32_t count, unsigned seed) {
    return test_relation({.pages = count, .seed = static_cast<uint8_t>(seed)});
  }
  static void change_page(Bytes& content, size_t page) { content[page * kTestPageSize + 100] ^= std::byte{1}; }

  /// Time as the copier sees it runs ahead of the file system's, so that files count as rested at once.
  class LaterClock final : public Clock {
   public:
    Timestamp now() const override { return SystemClock().now() + ahead; }
    std::chrono::nanoseconds monotonic() const override { return SystemClock().monotonic(); }
    Result<void> sleep_for(std::chrono::milliseconds duration, std::stop_token stop) const override {
      return SystemClock().sleep_for(duration, std::move(stop));
    }
    std::chrono::seconds ahead{10};
  };

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "incremental-copy-test"));
  repository::OpenWorld repository_;
  SilentProgress progress_;
  LaterClock clock_;
  FileCopier::Settings settings_;
  CopyStats stats_;
  std::map<std::string, OnDisk> files_;
};

// Each file is changed in a page that the changes name and, to see what is read, in one that they do not name.
TEST_F(IncrementalCopyTest, ReadsOnlyWhatWalSaysHasChanged) {
  settings_.trust_identity = false;
  files_ = {{"16384", {pages(40, 1)}}, {"16385", {pages(6, 2)}}, {"16386", {pages(6, 3)}},
            {"16387", {pages(40, 4)}}, {"16388", {pages(6, 5)}}, {"16384_vm", {pages(5, 6), FileRole::relation_other}},
            {"other", {pages(6, 7)}}};
  auto full = backup({});
  postgres::WalChangeSet changes;
  auto place = [](uint32_t relation) { return postgres::RelationPlace{1663, 5, relation}; };
  for (uint32_t block : {0u, 17u, 18u, 39u, 70000u}) changes.add_block(place(16384), {block});
  changes.add_relation(place(16386));
  changes.add_block(place(16387), {5});
  changes.sort();

  auto expected = files_;
  auto change = [&](const std::string& name, size_t page, bool is_seen) {
    change_page(files_[name].content, page);
    if (is_seen) change_page(expected[name].content, page);
  };
  for (size_t page : {0u, 17u, 18u, 39u}) change("16384", page, true);
  for (size_t page : {1u, 16u, 20u, 38u}) change("16384", page, false);
  change("16385", 2, false);    // no change is known of it: not read at all
  change("16386", 3, true);     // made anew
  change("16384_vm", 1, true);  // no main fork
  change("other", 1, true);     // no relation's path
  auto& grown = files_["16387"].content;
  for (auto* content : {&grown, &expected["16387"].content}) {
    auto more = pages(5, 9);
    content->insert(content->end(), more.begin(), more.end());
    change_page(*content, 5);
  }
  change("16387", 6, false);
  files_["16388"].content.resize(3 * kTestPageSize);  // shorter: its truncation will be replayed
  expected["16388"].content.resize(3 * kTestPageSize);

  auto incremental = backup(full, &changes);
  EXPECT_EQ(stats_.unread_files, 1u);
  EXPECT_EQ(stats_.unread_bytes, (36 + 6 + 39) * kTestPageSize);
  std::swap(files_, expected);
  auto own = expect_as_on_disk(incremental);
  EXPECT_EQ(own, (4 + 1 + 4 + 1 + 5 + 1) * kTestPageSize) << "pages; of 16384_vm a frame of four";
  auto found = repository::read_back(repository_.repository(), incremental);
  EXPECT_FALSE(found.at({0, "base/5/16384"}).entry.crc_known);
  EXPECT_TRUE(found.at({0, "base/5/16385"}).entry.crc_known) << "the full's";
  EXPECT_TRUE(found.at({0, "base/5/16386"}).entry.crc_known);
}

TEST_F(IncrementalCopyTest, StoresChangedPagesOnlyAndReadsNothingThatIsUntouched) {
  files_ = {{"large", {pages(40, 1)}},
            {"small", {pages(3, 2)}},
            {"untouched", {pages(9, 3)}},
            {"16384_vm", {pages(5, 4), FileRole::relation_other}},
            {"app.conf", {pages(1, 5), FileRole::other, true}},
            {"empty", {}}};
  auto full = backup({});
  EXPECT_EQ(expect_as_on_disk(full), stats_.bytes);
  EXPECT_EQ(stats_.kept_bytes, 0u);

  for (size_t page : {0u, 7u, 8u, 39u}) change_page(files_["large"].content, page);
  change_page(files_["16384_vm"].content, 4);
  auto incremental = backup(full);
  EXPECT_EQ(expect_as_on_disk(incremental), 4 * kTestPageSize + kTestPageSize) << "the fork's last frame is one page";
  EXPECT_EQ(stats_.kept_bytes, stats_.bytes - 5 * kTestPageSize);
  EXPECT_EQ(stats_.unread_files, 2u) << "small and untouched; what is captured is always read";
}

TEST_F(IncrementalCopyTest, AFileThatChangedAMomentBeforeTheFullIsReadAgain) {
  files_ = {{"busy", {pages(3, 1)}}};
  clock_.ahead = std::chrono::seconds(0);
  auto full = backup({});
  backup(full);
  EXPECT_EQ(stats_.unread_files, 0u);
  EXPECT_EQ(stats_.kept_bytes, stats_.bytes) << "read, and found to be the same";
}

TEST_F(IncrementalCopyTest, WithDoubtEverythingIsRead) {
  files_ = {{"a", {pages(3, 1)}}};
  auto full = backup({});
  settings_.trust_identity = false;
  backup(full);
  EXPECT_EQ(stats_.unread_files, 0u);
  EXPECT_EQ(stats_.kept_bytes, stats_.bytes);
}

TEST_F(IncrementalCopyTest, ReplacedFilesOfTheSameSizeAndTimeAreNoticed) {
  files_ = {{"a", {pages(3, 1)}}};
  auto full = backup({});
  struct stat before {};
  ASSERT_EQ(::stat(at("a").c_str(), &before), 0);
  change_page(files_["a"].content, 1);
  write_files();
  timespec times[2] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, at("a").c_str(), times, 0), 0);
  auto incremental = backup(full);
  EXPECT_EQ(expect_as_on_disk(incremental), kTestPageSize);
}

TEST_F(IncrementalCopyTest, RefusesABaseThatIsNoFull) {
  files_ = {{"a", {pages(3, 1)}}};
  auto full = backup({});
  auto incremental = backup(full);
  EXPECT_KIND(repository::BaseFiles::open(repository_.repository(), incremental, {}), ErrorKind::refused);
}

/// What servers do to files, at random: pages change, files grow, shrink, shrink and grow again, are dropped, made
/// anew, or come under one another's names.
TEST_F(IncrementalCopyTest, GivesBackWhateverHappenedToTheFiles) {
  const auto seed = SystemRandom().next_u64();
  SCOPED_TRACE("seed " + std::to_string(seed));
  SeededRandom random(seed);
  auto below = [&](size_t end) { return static_cast<size_t>(random.next_u64() % end); };
  for (int i = 0; i < 12; ++i) {
    auto role = i % 4 == 3 ? FileRole::relation_other : FileRole::relation_main;
    files_["f" + std::to_string(i)] = {pages(static_cast<uint32_t>(1 + below(40)), static_cast<unsigned>(i)), role};
  }
  auto full = backup({});
  expect_as_on_disk(full);
  for (int round = 0; round < 12; ++round) {
    for (int step = 0; step < 6; ++step) {
      auto& file = files_["f" + std::to_string(below(14))];
      auto& content = file.content;
      switch (below(7)) {
        case 0:  // pages change
          for (size_t n = below(6); n > 0 && content.size() >= kTestPageSize; --n) {
            change_page(content, below(content.size() / kTestPageSize));
          }
          break;
        case 1: {  // it grows
          auto more = pages(static_cast<uint32_t>(1 + below(12)), static_cast<unsigned>(below(200)));
          content.insert(content.end(), more.begin(), more.end());
          break;
        }
        case 2:  // it is cut
          content.resize(below(content.size() + 1));
          break;
        case 3:  // cut, and grown again by zeros
          content.resize(content.size() / 2);
          content.resize(content.size() + below(10) * kTestPageSize);
          break;
        case 4:  // made anew under its name
          content = pages(static_cast<uint32_t>(1 + below(30)), static_cast<unsigned>(below(200)));
          break;
        case 5:  // another's content comes under its name
          content = files_["f" + std::to_string(below(14))].content;
          break;
        default:  // dropped
          files_.erase("f" + std::to_string(below(14)));
      }
    }
    expect_as_on_disk(backup(full));
  }
}

}  // namespace
}  // namespace spendsync::backup
