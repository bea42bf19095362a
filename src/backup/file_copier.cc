#include "backup/file_copier.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <variant>

#include "base/bounded_queue.h"
#include "base/crc32c.h"
#include "wal/changes/changed_since.h"

namespace spendsync::backup {

using postgres::FileRole;
using repository::FileEntry;
using repository::FrameRuns;
using repository::Hash128;

namespace {

/// What an open file says of itself, taken before it is read.
struct OpenFile {
  Fd fd;
  struct stat status {};
  Timestamp looked_at;  // when the status was taken
  uint64_t size() const { return static_cast<uint64_t>(status.st_size); }
};

int64_t nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

bool same_state(const struct stat& before, const struct stat& after) {
  return before.st_size == after.st_size && nanoseconds(before.st_mtim) == nanoseconds(after.st_mtim) &&
         nanoseconds(before.st_ctim) == nanoseconds(after.st_ctim);
}

bool is_relation(FileRole role) { return role != FileRole::other; }

uint64_t divide_up(uint64_t value, uint64_t by) { return (value + by - 1) / by; }

/// A change within the same tick of the file system's clock would leave ctime as it is: only what has rested for a
/// second by then is known by it.
std::optional<repository::FileIdentity> identity_of(const OpenFile& opened) {
  constexpr int64_t kRest = 1'000'000'000;
  auto now = std::chrono::nanoseconds(opened.looked_at.time_since_epoch()).count();
  auto ctime = nanoseconds(opened.status.st_ctim);
  if (opened.status.st_ino == 0 || now - ctime <= kRest) return std::nullopt;
  return repository::FileIdentity{opened.status.st_ino, ctime};
}

void fill_from_status(FileEntry& entry, const OpenFile& opened) {
  entry.kind = repository::FileKind::file;
  entry.mode = opened.status.st_mode & 07777u;
  entry.mtime_ns = nanoseconds(opened.status.st_mtim);
  entry.identity = identity_of(opened);
}

/// Where this host's kernel keeps the times, they cannot lag behind a change.
bool keeps_times_itself(const Fd& fd) {
  constexpr uint32_t kZfs = 0x2fc12fc1;  // not in linux/magic.h
  constexpr std::array<uint32_t, 6> kLocal{EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
                                           F2FS_SUPER_MAGIC, TMPFS_MAGIC,     kZfs};
  struct statfs status {};
  return fstatfs(fd.get(), &status) == 0 &&
         std::ranges::find(kLocal, static_cast<uint32_t>(status.f_type)) != kLocal.end();
}

/// The full's file, and the hashes of its blocks where its content is to be compared.
struct BaseFile {
  FileEntry entry;
  std::vector<Hash128> hashes;
  std::optional<std::vector<uint32_t>> changed_blocks;  // RangeCopier::Range
};

FrameRuns all_of_base(const FileEntry& entry) {
  FrameRuns content;
  repository::keep_from_base(entry.content, 0, entry.size, content);
  return content;
}

uint64_t bytes_of_base(const FrameRuns& content) {
  uint64_t bytes = 0;
  for (const auto& run : content.runs()) {
    if (run.source == repository::FrameSource::base) bytes += run.length;
  }
  return bytes;
}

void join(RangeCopier::Copied& whole, RangeCopier::Copied&& part) {
  whole.crc32c = crc32c_combine(whole.crc32c, part.crc32c, part.size);
  whole.size += part.size;
  whole.unread += part.unread;
  whole.content.append(std::move(part.content));
  whole.bad_blocks.insert(whole.bad_blocks.end(), part.bad_blocks.begin(), part.bad_blocks.end());
}

}  // namespace

// A file that several workers share. The one that copies its last range puts it together.
struct FileCopier::LargeFile {
  CopyFile file;
  OpenFile opened;
  std::vector<RangeCopier::Copied> parts;
  std::vector<Hash128> block_hashes;
  uint32_t block_size = 0;
  std::optional<BaseFile> base;
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
  uint32_t block_size_of(const CopyFile& file) const;
  size_t hashes_of(const CopyFile& file, uint64_t size) const;
  Result<std::optional<BaseFile>> find_base(const CopyFile& file, const OpenFile& opened) const;
  void find_changed_blocks(const CopyFile& file, const OpenFile& opened, std::optional<BaseFile>& base) const;
  Result<bool> add_unread(CopyFile& file, const OpenFile& opened, const std::optional<BaseFile>& base);
  Result<void> read_base_hashes(std::optional<BaseFile>& base) const;
  Result<void> add_entry(FileEntry entry, RangeCopier::Copied copied, const repository::BackupRun::Hashes& hashes);
  void count(const FileEntry& entry, uint64_t unread);
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
    auto base = TRY(state_.find_base(file, *opened));
    auto unread = TRY(state_.add_unread(file, *opened, base));
    if (unread) return {};
    TRY(state_.read_base_hashes(base));
    block_hashes_.resize(state_.hashes_of(file, opened->size()));
    if (file.captured) return copy_captured(file, *opened, base, stop);
    fill_from_status(file.entry, *opened);
    copier_.begin_file();
    auto copied = TRY(copier_.copy(range_of({file, *opened, base}, 0, opened->size(), block_hashes_), stop));
    return add_entry(file, std::move(copied));
  }

  /// A file that became shorter while it was read has fewer blocks than it had.
  Result<void> add_entry(CopyFile& file, RangeCopier::Copied copied) {
    block_hashes_.resize(std::min(block_hashes_.size(), state_.hashes_of(file, copied.size)));
    return state_.add_entry(std::move(file.entry), std::move(copied), {block_hashes_, state_.block_size_of(file)});
  }

  // A captured file has no log that would repair it, so it counts only as it was at one moment.
  Result<void> copy_captured(CopyFile& file, OpenFile& opened, const std::optional<BaseFile>& base,
                             std::stop_token stop) {
    RangeCopier::Copied copied;
    bool steady = false;
    for (unsigned attempt = 0; attempt < state_.settings.captured_attempts && !steady; ++attempt) {
      if (fstat(opened.fd.get(), &opened.status) != 0)
        return unreadable(file, Error::from_errno(errno, "cannot look at it"));
      block_hashes_.resize(state_.hashes_of(file, opened.size()));
      auto read = copier_.copy(range_of({file, opened, base}, 0, opened.size(), block_hashes_), stop);
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
    fill_from_status(file.entry, opened);
    file.entry.identity.reset();  // what is captured is compared by its content, always
    return add_entry(file, std::move(copied));
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
    if (!large.block_hashes.empty()) {
      hashes = std::span(large.block_hashes).subspan(offset / large.block_size, divide_up(size, large.block_size));
    }
    copier_.begin_file();
    auto range = range_of({large.file, large.opened, large.base}, offset, size, hashes);
    range.fill_with_zeros = true;  // what follows must keep its place
    large.parts[task.index] = TRY(copier_.copy(range, stop));
    // acq_rel: the last one sees the parts of all others.
    if (large.remaining.fetch_sub(1, std::memory_order_acq_rel) == 1) return put_together(large);
    return {};
  }

  Result<void> put_together(LargeFile& large) {
    RangeCopier::Copied whole;
    for (auto& part : large.parts) join(whole, std::move(part));
    fill_from_status(large.file.entry, large.opened);
    state_.collaborators.progress.add_items(1);
    return state_.add_entry(std::move(large.file.entry), std::move(whole), {large.block_hashes, large.block_size});
  }

  struct Source {
    const CopyFile& file;
    const OpenFile& opened;
    const std::optional<BaseFile>& base;
  };
  RangeCopier::Range range_of(const Source& source, uint64_t offset, uint64_t size, std::span<Hash128> hashes) {
    const auto& file = source.file;
    base_.reset();
    if (source.base) {
      base_.emplace(BaseContent{source.base->entry, source.base->hashes, state_.collaborators.base->hasher()});
    }
    auto first_block = static_cast<uint32_t>(file.segment * state_.settings.blocks_per_segment);
    return {.source = {source.opened.fd, file.name, first_block},
            .offset = offset,
            .size = size,
            .check_pages = is_relation(file.role),
            .fill_with_zeros = is_relation(file.role),
            .block_hashes = hashes,
            .block_size = state_.block_size_of(file),
            .base = base_ ? &*base_ : nullptr,
            .changed_blocks = changed_blocks_of(source.base)};
  }

  static std::optional<std::span<const uint32_t>> changed_blocks_of(const std::optional<BaseFile>& base) {
    if (!base || !base->changed_blocks) return std::nullopt;
    return std::span<const uint32_t>(*base->changed_blocks);
  }

  State& state_;
  RangeCopier copier_;
  std::vector<Hash128> block_hashes_;  // reused
  std::optional<BaseContent> base_;    // of the range that is being copied
};

/// Pages of main forks one by one; everything else by frames: it is small, or changes as a whole.
uint32_t FileCopier::State::block_size_of(const CopyFile& file) const {
  bool by_page = file.role == FileRole::relation_main;
  return by_page ? static_cast<uint32_t>(settings.range.pages.page_size) : settings.range.frame_size;
}

/// Only fulls keep them: nothing is compared with an incremental.
size_t FileCopier::State::hashes_of(const CopyFile& file, uint64_t size) const {
  return collaborators.base == nullptr ? static_cast<size_t>(divide_up(size, block_size_of(file))) : 0;
}

/// nullopt: the full has nothing of that name to compare with.
Result<std::optional<BaseFile>> FileCopier::State::find_base(const CopyFile& file, const OpenFile& opened) const {
  std::optional<BaseFile> nothing;
  if (collaborators.base == nullptr || opened.size() == 0) return nothing;
  auto entry = TRY(collaborators.base->find(file.entry.set, file.entry.path));
  if (!entry || !entry->block_hashes) return nothing;
  if (settings.range.frame_size % entry->block_hashes->block_size != 0) return nothing;
  std::optional<BaseFile> base(BaseFile{*std::move(entry), {}, {}});
  find_changed_blocks(file, opened, base);
  return base;
}

/// Where WAL tells which they are: of main forks that were not made anew and have not become shorter.
void FileCopier::State::find_changed_blocks(const CopyFile& file, const OpenFile& opened,
                                            std::optional<BaseFile>& base) const {
  if (collaborators.changes == nullptr || file.captured || file.role != FileRole::relation_main) return;
  const auto& entry = base->entry;
  const uint64_t page_size = settings.range.pages.page_size;
  bool comparable = entry.block_hashes->block_size == page_size && entry.size % page_size == 0 &&
                    opened.size() >= entry.size && entry.bad_blocks.empty();
  auto place = wal::relation_of(entry.path);
  if (!comparable || !place || collaborators.changes->is_remade(*place)) return;
  auto blocks = collaborators.changes->blocks(*place);
  auto begin = file.segment * settings.blocks_per_segment;
  auto first = std::ranges::lower_bound(blocks, begin);
  auto last = std::ranges::lower_bound(blocks, begin + entry.size / page_size);
  auto& changed = base->changed_blocks.emplace();
  changed.reserve(static_cast<size_t>(last - first));
  for (auto block = first; block != last; ++block) changed.push_back(static_cast<uint32_t>(*block - begin));
}

Result<void> FileCopier::State::read_base_hashes(std::optional<BaseFile>& base) const {
  if (base) base->hashes = TRY(collaborators.base->block_hashes(base->entry));
  return {};
}

/// Whether the file is the full's as it stands, and recorded as such.
Result<bool> FileCopier::State::add_unread(CopyFile& file, const OpenFile& opened,
                                           const std::optional<BaseFile>& base) {
  if (!base || file.captured) return false;
  const auto& entry = base->entry;
  bool by_changes = base->changed_blocks && base->changed_blocks->empty() && entry.size == opened.size();
  bool by_identity = settings.trust_identity && entry.identity && entry.identity == identity_of(opened) &&
                     entry.size == opened.size() && entry.mtime_ns == nanoseconds(opened.status.st_mtim) &&
                     keeps_times_itself(opened.fd);
  if (!by_changes && !by_identity) return false;
  fill_from_status(file.entry, opened);
  RangeCopier::Copied kept;
  kept.size = entry.size;
  kept.unread = entry.size;
  kept.crc32c = entry.crc32c;
  kept.content = all_of_base(entry);
  kept.bad_blocks = entry.bad_blocks;
  collaborators.progress.add_bytes(entry.size);
  {
    std::lock_guard lock(mutex);
    ++stats.unread_files;
  }
  kept.crc_from_base = true;
  TRY(add_entry(std::move(file.entry), std::move(kept), {}));
  return true;
}

Result<OpenFile> FileCopier::State::open(CopyFile& file) const {
  OpenFile opened;
  opened.fd = TRY(file.open());
  file.open = nullptr;
  if (fstat(opened.fd.get(), &opened.status) != 0) {
    return Error::from_errno(errno, fmt::format("cannot look at {}", file.name));
  }
  opened.looked_at = collaborators.clock.now();
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
                                          const repository::BackupRun::Hashes& hashes) {
  entry.size = copied.size;
  entry.crc_known = copied.unread == 0 || copied.crc_from_base;
  entry.crc32c = entry.crc_known ? copied.crc32c : 0;
  entry.content = std::move(copied.content);
  entry.bad_blocks = std::move(copied.bad_blocks);
  count(entry, copied.unread);
  return collaborators.run.add_file(std::move(entry), hashes);
}

void FileCopier::State::count(const FileEntry& entry, uint64_t unread) {
  std::lock_guard lock(mutex);
  ++stats.files;
  stats.bytes += entry.size;
  stats.unread_bytes += unread;
  stats.kept_bytes += bytes_of_base(entry.content);
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
    auto base = TRY(state_.find_base(file, *opened));
    auto unread = TRY(state_.add_unread(file, *opened, base));
    if (unread) {
      state_.collaborators.progress.add_items(1);
      return {};
    }
    TRY(state_.read_base_hashes(base));
    auto large = std::make_shared<LargeFile>();
    auto size = opened->size();
    // At least one range, so that a file which has become empty still gets its entry.
    auto ranges = static_cast<size_t>(std::max<uint64_t>(1, divide_up(size, state_.settings.range_size)));
    large->file = std::move(file);
    large->opened = std::move(*opened);
    large->parts.resize(ranges);
    large->base = std::move(base);
    large->block_size = state_.block_size_of(large->file);
    large->block_hashes.resize(state_.hashes_of(large->file, size));
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
