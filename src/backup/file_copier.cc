#include "backup/file_copier.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <variant>

#include "base/bounded_queue.h"
#include "base/crc32c.h"

namespace spendsync::backup {

using postgres::FileRole;
using repository::FileEntry;
using repository::Hash128;

namespace {

/// What an open file says of itself, taken before it is read.
struct OpenFile {
  Fd fd;
  struct stat status {};
  uint64_t size() const { return static_cast<uint64_t>(status.st_size); }
};

int64_t nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

bool same_state(const struct stat& before, const struct stat& after) {
  return before.st_size == after.st_size && nanoseconds(before.st_mtim) == nanoseconds(after.st_mtim) &&
         nanoseconds(before.st_ctim) == nanoseconds(after.st_ctim);
}

bool is_relation(FileRole role) { return role != FileRole::other; }

uint64_t divide_up(uint64_t value, uint64_t by) { return (value + by - 1) / by; }

void fill_from_status(FileEntry& entry, const struct stat& status) {
  entry.kind = repository::FileKind::file;
  entry.mode = status.st_mode & 07777u;
  entry.mtime_ns = nanoseconds(status.st_mtim);
}

void join(RangeCopier::Copied& whole, RangeCopier::Copied&& part) {
  whole.crc32c = crc32c_combine(whole.crc32c, part.crc32c, part.size);
  whole.size += part.size;
  whole.content.append(std::move(part.content));
  whole.bad_blocks.insert(whole.bad_blocks.end(), part.bad_blocks.begin(), part.bad_blocks.end());
}

}  // namespace

// A file that several workers share. The one that copies its last range puts it together.
struct FileCopier::LargeFile {
  CopyFile file;
  OpenFile opened;
  std::vector<RangeCopier::Copied> parts;
  std::vector<Hash128> page_hashes;
  std::atomic<size_t> remaining{0};
};

struct FileCopier::Task {
  struct Range {
    std::shared_ptr<LargeFile> file;
    size_t index = 0;
  };
  std::variant<std::vector<CopyFile>, Range> work;
};

struct FileCopier::State {
  State(Settings settings_, Collaborators collaborators_, Notices notices_)
      : settings(std::move(settings_)), collaborators(collaborators_), notices(std::move(notices_)) {}

  Settings settings;
  Collaborators collaborators;
  Notices notices;
  std::vector<std::unique_ptr<repository::FrameWriter>> writers;
  std::mutex mutex;  // guards stats and calls of notices
  CopyStats stats;

  Result<OpenFile> open(CopyFile& file) const;
  void skipped(const std::string& name, const std::string& why);
  Result<std::optional<OpenFile>> open_or_leave_out(CopyFile& file);
  Result<void> add_entry(FileEntry entry, RangeCopier::Copied copied, std::span<const Hash128> page_hashes);
  void count(const FileEntry& entry);
};

// The part of one thread.
class FileCopier::Worker {
 public:
  Worker(State& state, repository::FrameWriter& writer)
      : state_(state),
        copier_(state.settings.range, {writer, state.collaborators.run.page_hasher(), state.collaborators.clock,
                                       state.collaborators.progress}) {}

  Result<void> work(BoundedQueue<Task>& queue, std::stop_token stop) {
    while (true) {
      auto task = TRY(queue.pop(stop));
      if (!task) return {};
      if (auto* range = std::get_if<Task::Range>(&task->work)) {
        TRY(copy_range(*range, stop));
      } else {
        for (auto& file : std::get<std::vector<CopyFile>>(task->work)) TRY(copy_small(file, stop));
      }
    }
  }

 private:
  Result<void> copy_small(CopyFile& file, std::stop_token stop) {
    auto opened = TRY(state_.open_or_leave_out(file));
    if (!opened) return {};
    state_.collaborators.progress.add_items(1);
    if (file.captured) return copy_captured(file, *opened, stop);
    fill_from_status(file.entry, opened->status);
    page_hashes_.resize(hashes_of(file, opened->size()));
    copier_.begin_file();
    auto copied = TRY(copier_.copy(range_of(file, *opened, 0, opened->size(), page_hashes_), stop));
    return state_.add_entry(std::move(file.entry), std::move(copied), page_hashes_);
  }

  // A captured file has no log that would repair it, so it counts only as it was at one moment.
  Result<void> copy_captured(CopyFile& file, OpenFile& opened, std::stop_token stop) {
    RangeCopier::Copied copied;
    bool steady = false;
    for (unsigned attempt = 0; attempt < state_.settings.captured_attempts && !steady; ++attempt) {
      if (fstat(opened.fd.get(), &opened.status) != 0)
        return unreadable(file, Error::from_errno(errno, "cannot look at it"));
      auto read = copier_.copy(range_of(file, opened, 0, opened.size(), {}), stop);
      if (!read) {
        if (copier_.failed_reading()) return unreadable(file, std::move(read).error());
        return std::move(read).error();
      }
      copied = std::move(*read);
      struct stat after {};
      steady = fstat(opened.fd.get(), &after) == 0 && same_state(opened.status, after) && copied.size == opened.size();
    }
    if (!steady) {
      std::lock_guard lock(state_.mutex);
      state_.notices.on_changing(file.name, "it changed each time while it was read");
    }
    fill_from_status(file.entry, opened.status);
    return state_.add_entry(std::move(file.entry), std::move(copied), {});
  }

  Result<void> unreadable(const CopyFile& file, Error error) {
    std::lock_guard lock(state_.mutex);
    return state_.notices.on_unreadable(file.name, std::move(error));
  }

  Result<void> copy_range(const Task::Range& task, std::stop_token stop) {
    LargeFile& large = *task.file;
    auto offset = task.index * state_.settings.range_size;
    auto size = std::min(state_.settings.range_size, large.opened.size() - offset);
    std::span<Hash128> hashes;
    if (!large.page_hashes.empty()) {
      auto page_size = state_.settings.range.pages.page_size;
      hashes = std::span(large.page_hashes).subspan(offset / page_size, divide_up(size, page_size));
    }
    copier_.begin_file();
    auto range = range_of(large.file, large.opened, offset, size, hashes);
    range.fill_with_zeros = true;  // what follows must keep its place
    large.parts[task.index] = TRY(copier_.copy(range, stop));
    // acq_rel: the last one sees the parts of all others.
    if (large.remaining.fetch_sub(1, std::memory_order_acq_rel) == 1) return put_together(large);
    return {};
  }

  Result<void> put_together(LargeFile& large) {
    RangeCopier::Copied whole;
    for (auto& part : large.parts) join(whole, std::move(part));
    fill_from_status(large.file.entry, large.opened.status);
    state_.collaborators.progress.add_items(1);
    return state_.add_entry(std::move(large.file.entry), std::move(whole), large.page_hashes);
  }

  size_t hashes_of(const CopyFile& file, uint64_t size) const {
    if (file.role != FileRole::relation_main) return 0;
    return static_cast<size_t>(divide_up(size, state_.settings.range.pages.page_size));
  }

  RangeCopier::Range range_of(const CopyFile& file, const OpenFile& opened, uint64_t offset, uint64_t size,
                              std::span<Hash128> hashes) const {
    auto first_block = static_cast<uint32_t>(file.segment * state_.settings.blocks_per_segment);
    return {{opened.fd, file.name, first_block}, offset, size, is_relation(file.role), is_relation(file.role), hashes};
  }

  State& state_;
  RangeCopier copier_;
  std::vector<Hash128> page_hashes_;  // reused
};

Result<OpenFile> FileCopier::State::open(CopyFile& file) const {
  OpenFile opened;
  opened.fd = TRY(file.open());
  file.open = nullptr;
  if (fstat(opened.fd.get(), &opened.status) != 0) {
    return Error::from_errno(errno, fmt::format("cannot look at {}", file.name));
  }
  if (!S_ISREG(opened.status.st_mode)) return Error(ErrorKind::refused, "it is no regular file any more");
  posix_fadvise(opened.fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return opened;
}

void FileCopier::State::skipped(const std::string& name, const std::string& why) {
  std::lock_guard lock(mutex);
  notices.on_skipped(name, why);
}

/// Empty: left out, and told.
Result<std::optional<OpenFile>> FileCopier::State::open_or_leave_out(CopyFile& file) {
  auto opened = open(file);
  if (opened) return std::optional(std::move(*opened));
  if (opened.error().is(ErrorKind::not_found)) {
    std::lock_guard lock(mutex);
    ++stats.vanished;
    return std::optional<OpenFile>();
  }
  if (opened.error().is(ErrorKind::refused)) {
    skipped(file.name, opened.error().message());
    return std::optional<OpenFile>();
  }
  if (!file.captured) return std::move(opened).error();
  std::lock_guard lock(mutex);
  TRY(notices.on_unreadable(file.name, std::move(opened).error()));
  return std::optional<OpenFile>();
}

Result<void> FileCopier::State::add_entry(FileEntry entry, RangeCopier::Copied copied,
                                          std::span<const Hash128> page_hashes) {
  entry.size = copied.size;
  entry.crc32c = copied.crc32c;
  entry.content = std::move(copied.content);
  entry.bad_blocks = std::move(copied.bad_blocks);
  count(entry);
  return collaborators.run.add_file(std::move(entry), page_hashes);
}

void FileCopier::State::count(const FileEntry& entry) {
  std::lock_guard lock(mutex);
  ++stats.files;
  stats.bytes += entry.size;
  if (stats.sets.size() <= entry.set) stats.sets.resize(entry.set + 1);
  ++stats.sets[entry.set].files;
  stats.sets[entry.set].bytes += entry.size;
  if (entry.bad_blocks.empty()) return;
  stats.page_failures += entry.bad_blocks.size();
  if (stats.page_failure_files.size() == CopyStats::kFailureFilesMax) return;
  auto shown = static_cast<ptrdiff_t>(std::min(entry.bad_blocks.size(), CopyStats::kBlocksMax));
  stats.page_failure_files.push_back({entry.path, {entry.bad_blocks.begin(), entry.bad_blocks.begin() + shown}});
}

// Gathers small files into batches and cuts big ones into ranges. Lives in the feeding thread.
class FileCopier::Feeder {
 public:
  Feeder(State& state, BoundedQueue<Task>& queue, std::stop_token stop)
      : state_(state), queue_(queue), stop_(std::move(stop)) {}

  Result<void> add(CopyFile file) {
    bool large = !file.captured && file.expected_size > state_.settings.range_size;
    if (large) return add_large(std::move(file));
    batch_bytes_ += file.expected_size;
    batch_.push_back(std::move(file));
    if (batch_.size() >= state_.settings.batch_files || batch_bytes_ >= state_.settings.batch_bytes) return flush();
    return {};
  }

  Result<void> flush() {
    if (batch_.empty()) return {};
    Task task;
    task.work = std::exchange(batch_, {});
    batch_bytes_ = 0;
    return queue_.push(std::move(task), stop_);
  }

 private:
  Result<void> add_large(CopyFile file) {
    auto opened = TRY(state_.open_or_leave_out(file));
    if (!opened) return {};
    auto large = std::make_shared<LargeFile>();
    auto size = opened->size();
    // At least one range, so that a file which has become empty still gets its entry.
    auto ranges = static_cast<size_t>(std::max<uint64_t>(1, divide_up(size, state_.settings.range_size)));
    large->file = std::move(file);
    large->opened = std::move(*opened);
    large->parts.resize(ranges);
    if (large->file.role == FileRole::relation_main) {
      large->page_hashes.resize(static_cast<size_t>(divide_up(size, state_.settings.range.pages.page_size)));
    }
    large->remaining = ranges;
    for (size_t index = 0; index < ranges; ++index) {
      Task task;
      task.work = Task::Range{large, index};
      TRY(queue_.push(std::move(task), stop_));
    }
    return {};
  }

  State& state_;
  BoundedQueue<Task>& queue_;
  std::stop_token stop_;
  std::vector<CopyFile> batch_;
  uint64_t batch_bytes_ = 0;
};

Result<std::unique_ptr<FileCopier>> FileCopier::create(Settings settings, Collaborators collaborators,
                                                       Notices notices) {
  CHECK(settings.workers > 0 && settings.range_size % settings.range.frame_size == 0);
  auto state = std::make_unique<State>(std::move(settings), collaborators, std::move(notices));
  for (unsigned worker = 0; worker < state->settings.workers; ++worker) {
    auto writer = TRY(collaborators.run.frame_writer());
    state->writers.push_back(std::move(writer));
  }
  return std::unique_ptr<FileCopier>(new FileCopier(std::move(state)));
}

FileCopier::FileCopier(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileCopier::~FileCopier() = default;

Result<void> FileCopier::run(const std::function<Result<void>(const Add& add)>& feed, std::stop_token stop) {
  BoundedQueue<Task> queue(state_->settings.workers + 2);
  WorkerGroup group(std::move(stop));
  for (auto& writer : state_->writers) {
    group.spawn("copy", [this, &queue, &writer](std::stop_token stopped) {
      Worker worker(*state_, *writer);
      return worker.work(queue, stopped);
    });
  }
  Feeder feeder(*state_, queue, group.stop_token());
  auto fed = feed([&](CopyFile file) { return feeder.add(std::move(file)); });
  if (fed) fed = feeder.flush();
  if (!fed) group.request_stop();
  queue.close();
  auto joined = group.join();
  // A worker's failure shows to the feeder as `cancelled`; the worker knows why.
  if (!joined && !joined.error().is(ErrorKind::cancelled)) return joined;
  if (!fed) return fed;
  return joined;
}

Result<void> FileCopier::add_content(FileEntry entry, ByteView content) {
  RangeCopier copier(state_->settings.range, {*state_->writers.front(), state_->collaborators.run.page_hasher(),
                                              state_->collaborators.clock, state_->collaborators.progress});
  auto copied = TRY(copier.store(content));
  return state_->add_entry(std::move(entry), std::move(copied), {});
}

Result<CopyStats> FileCopier::finish() {
  for (auto& writer : state_->writers) TRY(writer->finish());
  state_->writers.clear();
  return state_->stats;
}

}  // namespace spendsync::backup
