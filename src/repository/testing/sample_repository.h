// A repository in memory (or in any store) with a key file, a clock and random bytes that tests decide.
#pragma once

#include <memory>

#include "base/file.h"
#include "base/testing.h"
#include "crypto/key_file_wrapper.h"
#include "repository/backup_run.h"
#include "repository/repository.h"
#include "repository/wal_archive.h"
#include "storage/testing/memory_store.h"

namespace spendsync::repository {

/// Keeps messages from the terminal.
class QuietLog final : public Log {
 public:
  explicit QuietLog(const Clock& clock) : Log({}, clock) {}
  void write(LogLevel, std::string_view, LogFields) override {}
};

/// A key file of its own in a temporary directory, and the wrapper that reads it.
class SampleKey {
 public:
  SampleKey(RandomSource& random, const Clock& clock);
  crypto::KeyWrapper* wrapper() { return wrapper_.get(); }
  const Bytes& secret() const { return secret_; }  // what the file holds

 private:
  TemporaryDirectory directory_;
  Bytes secret_;
  std::unique_ptr<crypto::KeyFileWrapper> wrapper_;
};

/// What every test begins with that needs a repository. Time stands still unless the test moves it; what has to wait
/// (a store that hangs, files that must be older than now) gets a SystemClock of the test's own.
struct SampleWorld {
  static constexpr SystemIdentifier kSystem{7000000000000000001u};

  SampleWorld();
  explicit SampleWorld(storage::ObjectStore& other_store);

  ManualClock clock;
  SeededRandom random;
  QuietLog log;
  SampleKey key;
  TemporaryDirectory state;
  storage::MemoryStore memory;
  storage::ObjectStore* store;
  Repository::Settings settings;
  ClusterIdentity identity;

  Collaborators collaborators() { return collaborators(*store); }
  Collaborators collaborators(storage::ObjectStore& other_store);
  Result<std::unique_ptr<Repository>> try_open();
  std::unique_ptr<Repository> open();  // for writing; a failure ends the test program
  std::unique_ptr<Repository> open(storage::ObjectStore& other_store);
  std::unique_ptr<Repository> open_for_reading();
};

/// A file of a sample backup with its content.
struct SampleFile {
  FileEntry entry;  // content and hashes as written
  Bytes content;
};

struct SampleBackupSettings {
  uint64_t seed = 1;
  int files = 12;
  size_t file_size_max = 300'000;  // bytes
  size_t frame_size = 20'000;      // bytes
  unsigned workers = 3;
  uint64_t pack_size = 200'000;  // bytes
  Timestamp stopped{};           // zero: the clock's now
  Lsn start{0x2000000};
  Lsn stop{0x2000100};
  bool resume = false;  // takes up the newest unfinished run; there must be one
};

/// Half text that compresses, half noise, some zeros; repeatable by seed.
Bytes sample_content(uint64_t seed, size_t size);

/// Makes a whole backup with several writer threads. Returns the summary and what is in it, by path.
struct SampleBackup {
  ManifestSummary summary;
  std::map<std::string, SampleFile> files;
  uint64_t reused_bytes = 0;  // of frames that an interrupted run had sent
};
Result<SampleBackup> make_sample_backup(Repository& repository, const SampleBackupSettings& settings,
                                        std::stop_token stop = {});

/// Reads everything back and compares it with what was written. Empty text: all is well.
std::string compare_with_repository(Repository& repository, const SampleBackup& backup);

/// A segment of the sample cluster's size.
Bytes sample_segment(uint64_t seed, const Repository& repository);

/// Puts segments [first, first + count) of timeline 1.
void put_sample_segments(Repository& repository, uint64_t first, uint64_t count);

storage::ObjectKey key_of(std::string_view text);

}  // namespace spendsync::repository
