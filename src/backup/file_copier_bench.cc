// Measures the hot path of a full backup without a server: copies a stopped cluster's data directory into a directory
// repository and prints what a core does a second. Usage: file_copier_bench DATA REPOSITORY [workers] [frame KiB]
// [level]
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>

#include "backup/file_copier.h"
#include "base/time.h"
#include "crypto/key_file_wrapper.h"
#include "postgres/control_file.h"
#include "storage/directory/directory_store.h"

namespace spendsync::backup {
namespace {

struct Options {
  std::string data;
  std::string repository;
  unsigned workers = available_cores();
  uint32_t frame_size = 256u << 10;
  int level = 1;
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Result<void> feed(const std::string& data, const FileCopier::Add& add) {
  auto directory = TRY(postgres::DataDirectory::open(data));
  auto visit = [&](const postgres::DirectoryEntry& found) -> Result<void> {
    if (found.kind != postgres::EntryKind::file) return {};
    CopyFile file;
    file.entry.path = found.path;
    file.name = data + "/" + found.path;
    file.expected_size = static_cast<uint64_t>(found.status.st_size);
    file.role = found.role;
    file.segment = found.segment;
    file.open = [path = file.name] { return open_file(path, O_RDONLY | O_NOFOLLOW); };
    return add(std::move(file));
  };
  return directory.walk({visit, {}});
}

Result<void> measure(const Options& options) {
  SystemClock clock;
  SystemRandom random;
  Log log({}, clock);
  SilentProgress progress;
  auto control = TRY(postgres::read_control_file(options.data));
  auto store = TRY(storage::DirectoryStore::open({options.repository, true}));
  auto key_path = options.repository + "/../file_copier_bench.key";
  TRY(replace_file(key_path, Bytes(32, std::byte{1}), 0600));
  auto wrapper = TRY(crypto::KeyFileWrapper::open(key_path, random, clock));
  repository::ClusterIdentity identity{
      "bench", control.control.system_identifier, 15, control.control.catalog_version, 8192, 16u << 20, 1u << 30};
  auto repository = TRY(
      repository::Repository::open_for_writing({"bench", ""}, identity, {*store, {wrapper.get()}, random, clock, log}));
  repository::BackupRun::Settings run_settings;
  run_settings.workers = options.workers;
  run_settings.compression.level = options.level;
  auto begun = std::chrono::steady_clock::now();
  auto cpu_begun = cpu_seconds();
  auto run = TRY(repository::BackupRun::begin(*repository, run_settings, {}));
  FileCopier::Settings settings;
  settings.workers = options.workers;
  settings.range.frame_size = options.frame_size;
  settings.range_size = std::max<uint64_t>(settings.range_size, options.frame_size);
  settings.range.pages.backup_start = control.control.redo;
  FileCopier::Notices notices{[](const std::string&, const std::string&) {},
                              [](const std::string&, const std::string&) {},
                              [](const std::string&, Error error) -> Result<void> { return error; }};
  auto copier = TRY(FileCopier::create(settings, {*run, clock, log, progress}, notices));
  TRY(copier->run([&](const FileCopier::Add& add) { return feed(options.data, add); }, {}));
  auto stats = TRY(copier->finish());
  repository::ManifestSummary summary;
  summary.start = summary.stop = {control.control.timeline, control.control.redo};
  summary.page_size = 8192;
  summary.major_version = 15;
  auto written = TRY(run->commit(std::move(summary), {"label", ""}));
  auto cpu = cpu_seconds() - cpu_begun;
  std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begun;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto mb = static_cast<double>(stats.bytes) / 1e6;
  fmt::print("{} files, {:.0f} MB -> {:.0f} MB ({:.1f} %), {} page failures\n", stats.files, mb,
             static_cast<double>(written.stored_bytes) / 1e6,
             100.0 * static_cast<double>(written.stored_bytes) / static_cast<double>(stats.bytes), stats.page_failures);
  fmt::print(
      "{} workers, {} KiB frames, level {}: {:.2f} s, {:.0f} MB/s; CPU {:.2f} s, {:.0f} MB/s a core; peak {} MiB\n",
      options.workers, options.frame_size >> 10, options.level, wall.count(), mb / wall.count(), cpu, mb / cpu,
      usage.ru_maxrss / 1024);
  return {};
}

}  // namespace
}  // namespace spendsync::backup

int main(int count, char** arguments) {
  if (count < 3) {
    fmt::print(stderr, "usage: file_copier_bench DATA REPOSITORY [workers] [frame KiB] [level]\n");
    return 2;
  }
  spendsync::backup::Options options;
  options.data = arguments[1];
  options.repository = arguments[2];
  if (count > 3) options.workers = static_cast<unsigned>(std::atoi(arguments[3]));
  if (count > 4) options.frame_size = static_cast<uint32_t>(std::atoi(arguments[4])) << 10;
  if (count > 5) options.level = std::atoi(arguments[5]);
  auto measured = spendsync::backup::measure(options);
  if (measured) return 0;
  fmt::print(stderr, "{}\n", measured.error().message());
  return 1;
}
