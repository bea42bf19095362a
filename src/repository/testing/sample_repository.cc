#include "repository/testing/sample_repository.h"

#include <fcntl.h>

#include "base/crc32c.h"
#include "base/time.h"
#include "base/worker_group.h"
#include "repository/backup_reader.h"

namespace spendsync::repository {
namespace {

Timestamp sample_start() { return MUST(parse_rfc3339("2024-03-15T12:00:00Z")); }

}  // namespace

storage::ObjectKey key_of(std::string_view text) { return MUST(storage::ObjectKey::parse(text)); }

SampleKey::SampleKey(RandomSource& random, const Clock& clock)
    : directory_(MUST(TemporaryDirectory::create("/tmp", "ssb-key-"))) {
  secret_.resize(32);
  random.fill(secret_);
  auto path = directory_.path() + "/repository.key";
  auto fd = MUST(open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  MUST(write_all(fd, secret_, path));
  MUST(fd.close());
  wrapper_ = MUST(crypto::KeyFileWrapper::open(path, random, clock));
}

SampleWorld::SampleWorld()
    : clock(sample_start()),
      random(42),
      log(clock),
      key(random, clock),
      state(MUST(TemporaryDirectory::create("/tmp", "ssb-state-"))),
      memory(clock),
      store(&memory) {
  settings.cluster = "demo";
  settings.state_directory = state.path();
  identity.cluster = "demo";
  identity.system_identifier = kSystem;
  identity.major_version = 15;
  identity.catalog_version = 202209061;
  identity.page_size = 8192;
  identity.wal_segment_size = 1u << 20;
  identity.relation_segment_size = 1u << 30;
}

SampleWorld::SampleWorld(storage::ObjectStore& other_store) : SampleWorld() { store = &other_store; }

Collaborators SampleWorld::collaborators(storage::ObjectStore& other_store) {
  return {other_store, {key.wrapper()}, random, clock, log};
}

Result<std::unique_ptr<Repository>> SampleWorld::try_open() {
  return Repository::open_for_writing(settings, identity, collaborators());
}

std::unique_ptr<Repository> SampleWorld::open() { return MUST(try_open()); }

std::unique_ptr<Repository> SampleWorld::open(storage::ObjectStore& other_store) {
  return MUST(Repository::open_for_writing(settings, identity, collaborators(other_store)));
}

std::unique_ptr<Repository> SampleWorld::open_for_reading() {
  return MUST(Repository::open_for_reading(settings, std::nullopt, collaborators()));
}

Bytes sample_content(uint64_t seed, size_t size) {
  SeededRandom random(seed * 7919 + 1);
  Bytes bytes(size);
  random.fill(bytes);
  for (size_t i = 0; i < size; ++i) {
    auto stretch = (i / 4096) % 4;
    if (stretch == 0) bytes[i] = static_cast<std::byte>("the quick brown fox "[i % 20]);
    if (stretch == 1) bytes[i] = std::byte{0};
  }
  return bytes;
}

Bytes sample_segment(uint64_t seed, const Repository& repository) {
  return sample_content(seed + 1000, repository.identity().wal_segment_size);
}

void put_sample_segments(Repository& repository, uint64_t first, uint64_t count) {
  WalArchive archive(repository, {});
  for (uint64_t number = first; number < first + count; ++number) {
    MUST(archive.put_segment({{1}, number}, sample_segment(number, repository), {}));
  }
}

namespace {

constexpr size_t kPage = 8192;

FileEntry sample_entry(int number, const Bytes& content) {
  FileEntry entry;
  entry.path = "base/5/" + std::to_string(16384 + number);
  entry.kind = FileKind::file;
  entry.uid = 26;
  entry.gid = 26;
  entry.owner = "postgres";
  entry.group = "postgres";
  entry.mode = 0600;
  entry.mtime_ns = 1710504000123456789 + number;
  entry.size = content.size();
  entry.crc32c = crc32c(0, content);
  return entry;
}

Result<SampleFile> write_sample_file(BackupRun& run, FrameWriter& writer, int number,
                                     const SampleBackupSettings& settings) {
  SeededRandom random(settings.seed * 1000 + static_cast<uint64_t>(number));
  auto size = number == 0 ? 0 : random.next_u64() % settings.file_size_max;
  SampleFile file;
  file.content = sample_content(settings.seed * 100 + static_cast<uint64_t>(number), size);
  file.entry = sample_entry(number, file.content);
  ByteView rest = file.content;
  while (!rest.empty()) {
    auto piece = rest.first(std::min(rest.size(), settings.frame_size));
    auto frame = TRY(writer.append(piece));
    file.entry.content.add(frame);
    rest = rest.subspan(piece.size());
  }
  std::vector<Hash128> hashes;
  for (size_t page = 0; page < file.content.size(); page += kPage) {
    auto bytes = ByteView(file.content).subspan(page, std::min(kPage, file.content.size() - page));
    hashes.push_back(run.page_hasher().hash(bytes));
  }
  TRY(run.add_file(file.entry, {hashes, static_cast<uint32_t>(kPage)}));
  return file;
}

Result<std::unique_ptr<BackupRun>> begin_or_resume(Repository& repository, const BackupRun::Settings& settings,
                                                   bool resume, std::stop_token stop) {
  if (!resume) return BackupRun::begin(repository, settings, stop);
  auto labels = TRY(find_interrupted(repository, settings.type, std::chrono::hours(48), stop));
  if (labels.empty()) return Error(ErrorKind::not_found, "there is no unfinished run");
  auto interrupted = TRY(InterruptedRun::open(repository, labels.front(), stop));
  return BackupRun::resume(repository, settings, std::move(interrupted), stop);
}

}  // namespace

Result<SampleBackup> make_sample_backup(Repository& repository, const SampleBackupSettings& settings,
                                        std::stop_token stop) {
  BackupRun::Settings run_settings;
  run_settings.workers = settings.workers;
  run_settings.pack_size = settings.pack_size;
  run_settings.host = "db1";
  run_settings.tool_version = "0.1.0";
  auto run = TRY(begin_or_resume(repository, run_settings, settings.resume, stop));
  FileEntry directory;
  directory.path = "base";
  directory.kind = FileKind::directory;
  directory.mode = 0700;
  TRY(run->add_file(directory));
  FileEntry control;  // without content: nobody starts it
  control.path = "global/pg_control";
  control.mode = 0600;
  TRY(run->add_file(control));
  SampleBackup backup;
  backup.files[control.path] = {control, {}};
  std::mutex mutex;
  std::atomic<int> next{0};
  {
    WorkerGroup group(stop);
    for (unsigned worker = 0; worker < settings.workers; ++worker) {
      group.spawn("writer", [&](std::stop_token) -> Result<void> {
        auto writer = TRY(run->frame_writer());
        for (int number = next++; number < settings.files; number = next++) {
          auto file = TRY(write_sample_file(*run, *writer, number, settings));
          std::lock_guard lock(mutex);
          backup.files[file.entry.path] = std::move(file);
        }
        return writer->finish();
      });
    }
    TRY(group.join());
  }
  ManifestSummary summary;
  summary.started = repository.clock().now();
  summary.stopped = settings.stopped == Timestamp{} ? repository.clock().now() : settings.stopped;
  summary.start = {{1}, settings.start};
  summary.stop = {{1}, settings.stop};
  summary.checkpoint = {settings.start.value + 0x60};
  summary.page_size = kPage;
  summary.major_version = 15;
  summary.catalog_version = 202209061;
  summary.server_version = "15.8";
  summary.data_checksums = true;
  summary.server_settings = {{"max_connections", "100"}};
  summary.captured_sets = {{1, "configuration", {"/etc/spendsync"}, 0, 0}};
  summary.tablespaces = {{16500, "/srv/\xff space"}};
  summary.page_failures = 1;
  summary.page_failure_files = {{"base/5/16385", {3}}};
  backup.summary = TRY(run->commit(std::move(summary), {"START WAL LOCATION: 0/2000028\n", "16500 /srv/\xff space\n"}));
  backup.reused_bytes = run->progress().reused_bytes;
  return backup;
}

std::string compare_with_repository(Repository& repository, const SampleBackup& backup) {
  auto reader = BackupReader::open(repository, backup.summary.label);
  if (!reader) return describe(reader.error());
  auto frames = (*reader)->frame_reader();
  auto hasher = (*reader)->page_hasher();
  if (!frames || !hasher) return "no frame reader";
  size_t seen = 0;
  std::string difference;
  auto read = (*reader)->for_each_file([&](const FileEntry& entry) -> Result<void> {
    if (entry.kind != FileKind::file) return ok();
    ++seen;
    auto found = backup.files.find(entry.path);
    if (found == backup.files.end()) return Error(ErrorKind::corrupt, entry.path + " was never written");
    Bytes content;
    TRY((*frames)->read_file(entry, [&](uint64_t offset, ByteView bytes) -> Result<void> {
      if (offset != content.size()) return Error(ErrorKind::corrupt, "a chunk came out of order");
      content.insert(content.end(), bytes.begin(), bytes.end());
      return ok();
    }));
    auto expected = found->second.entry;
    expected.block_hashes = entry.block_hashes;
    if (content != found->second.content || entry != expected) difference = entry.path + " differs";
    if (entry.size == 0) return ok();
    auto hashes = TRY((*reader)->block_hashes(*entry.block_hashes));
    for (size_t page = 0; page < hashes.size(); ++page) {
      auto begin = page * kPage;
      auto bytes = ByteView(content).subspan(begin, std::min(kPage, content.size() - begin));
      if (hashes[page] != (*hasher)->hash(bytes)) difference = entry.path + " has wrong page hashes";
    }
    return ok();
  });
  if (!read) return describe(read.error());
  if (seen != backup.files.size()) return "only " + std::to_string(seen) + " files were read";
  return difference;
}

}  // namespace spendsync::repository
