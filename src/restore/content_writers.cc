#include "restore/content_writers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/crc32c.h"

namespace spendsync::restore {

using repository::ContentChunk;
using repository::FileEntry;

namespace {

constexpr size_t kQueuedChunks = 256;  // with small files, so many descriptors are open
constexpr size_t kPiece = 256u << 10;
constexpr size_t kAhead = 8;                 // chunks of a file whose reading begins before their turn: 32 MiB
constexpr uint64_t kAdvisable = 128u << 10;  // what one posix_fadvise(2) reads at least, whatever the device

}  // namespace

struct ContentWriters::File {
  /// fresh: written whole. check: read first, and left alone where it is right. rewrite: known to differ.
  enum class Mode { fresh, check, rewrite };
  File(FileEntry taken, Fd fd, Mode how) : entry(std::move(taken)), mode(how) {
    if (how == Mode::fresh) {
      output.emplace(std::move(fd), entry.size);
    } else {
      existing = std::move(fd);
    }
  }
  const Fd& fd() const { return output ? output->fd() : existing; }
  uint32_t crc32c() const {
    uint32_t crc = 0;
    for (size_t i = 0; i < chunks.size(); ++i) crc = crc32c_combine(crc, crcs[i], chunks[i].size);
    return crc;
  }

  FileEntry entry;
  Mode mode;
  std::optional<OutputFile> output;  // fresh
  Fd existing;                       // else
  FinishFile finish;
  std::vector<ContentChunk> chunks;  // refer to `entry`
  std::vector<uint32_t> crcs;        // of each chunk; every element has one writer
  std::atomic<size_t> left{0};       // chunks not done yet; whoever takes it to zero completes the file
};

ContentWriters::ContentWriters(Settings settings, Progress& progress, std::stop_token stop)
    : settings_(settings), progress_(progress), queue_(kQueuedChunks), group_(std::move(stop)) {}

ContentWriters::~ContentWriters() { group_.request_stop(); }

Result<std::unique_ptr<ContentWriters>> ContentWriters::start(repository::BackupReader& reader, Settings settings,
                                                              Progress& progress, std::stop_token stop) {
  auto writers = std::unique_ptr<ContentWriters>(new ContentWriters(settings, progress, std::move(stop)));
  for (unsigned i = 0; i < std::max(1u, settings.workers); ++i) {
    std::shared_ptr<repository::FrameReader> frames = TRY(reader.frame_reader());
    auto* self = writers.get();
    writers->group_.spawn(fmt::format("restore-{}", i),
                          [self, frames](std::stop_token inner) { return self->work(*frames, std::move(inner)); });
  }
  return writers;
}

Result<void> ContentWriters::add(FileEntry entry, Fd fd, FinishFile finish) {
  auto file = std::make_shared<File>(std::move(entry), std::move(fd), File::Mode::fresh);
  file->finish = std::move(finish);
  return add_file(std::move(file));
}

Result<void> ContentWriters::add_existing(FileEntry entry, Fd fd, FinishFile finish) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Error::from_errno(errno, "cannot look at " + entry.path);
  auto mode = static_cast<uint64_t>(status.st_size) == entry.size ? File::Mode::check : File::Mode::rewrite;
  if (mode == File::Mode::rewrite && ::ftruncate(fd.get(), static_cast<off_t>(entry.size)) != 0) {
    return Error::from_errno(errno, "cannot set the size of " + entry.path);
  }
  auto file = std::make_shared<File>(std::move(entry), std::move(fd), mode);
  file->finish = std::move(finish);
  return add_file(std::move(file));
}

Result<void> ContentWriters::add_file(std::shared_ptr<File> file) {
  file->chunks = TRY_CONTEXT(repository::split_content(file->entry), file->entry.path);
  if (file->chunks.empty()) return finish_file(*file);
  file->crcs.resize(file->chunks.size());
  file->left = file->chunks.size();
  if (file->mode == File::Mode::check) {
    for (size_t i = 0; i < std::min(kAhead, file->chunks.size()); ++i) fetch_ahead(*file, i);
  }
  for (size_t i = 0; i < file->chunks.size(); ++i) {
    // A worker's failure stops the group: then the queue takes no more, and finish() tells why.
    TRY(queue_.push({file, i}, group_.stop_token()));
  }
  return {};
}

Result<void> ContentWriters::finish() {
  queue_.close();
  return group_.join();
}

Result<void> ContentWriters::work(repository::FrameReader& reader, std::stop_token stop) {
  AlignedBuffer buffer;
  while (true) {
    auto chunk = TRY(queue_.pop(stop));
    if (!chunk) return {};
    TRY(process(reader, *chunk, buffer));
    progress_.add_bytes(chunk->file->chunks[chunk->index].size);
    if (chunk->file->left.fetch_sub(1, std::memory_order_acq_rel) == 1) TRY(complete(reader, chunk->file, buffer));
  }
}

Result<void> ContentWriters::process(repository::FrameReader& reader, const Chunk& chunk, AlignedBuffer& buffer) {
  switch (chunk.file->mode) {
    case File::Mode::fresh:
      return write_chunk(reader, chunk, buffer);
    case File::Mode::check:
      return check_chunk(chunk, buffer);
    case File::Mode::rewrite:
      return rewrite_chunk(reader, chunk, buffer);
  }
  return {};
}

Result<void> ContentWriters::write_chunk(repository::FrameReader& reader, const Chunk& chunk, AlignedBuffer& buffer) {
  File& file = *chunk.file;
  ByteView bytes = TRY(fetch_chunk(reader, chunk, buffer));
  TRY(file.output->write(file.chunks[chunk.index].offset, bytes, file.entry.path));
  written_bytes_.fetch_add(bytes.size(), std::memory_order_relaxed);
  return {};
}

/// The chunk as the backup has it, in `buffer`; its checksum counts from now on.
Result<ByteView> ContentWriters::fetch_chunk(repository::FrameReader& reader, const Chunk& chunk,
                                             AlignedBuffer& buffer) {
  File& file = *chunk.file;
  const ContentChunk& content = file.chunks[chunk.index];
  auto bytes = buffer.first(static_cast<size_t>(content.size));
  TRY(reader.read(content, bytes, file.entry.path));
  file.crcs[chunk.index] = crc32c(0, bytes);
  return ByteView(bytes);
}

// ---- files that are there already

/// Several workers read one file at different places, which the kernel's own read-ahead takes for random access.
void ContentWriters::fetch_ahead(const File& file, size_t index) {
  if (index >= file.chunks.size()) return;
  const ContentChunk& chunk = file.chunks[index];
  for (uint64_t done = 0; done < chunk.size; done += kAdvisable) {
    static_cast<void>(::posix_fadvise(file.existing.get(), static_cast<off_t>(chunk.offset + done),
                                      static_cast<off_t>(std::min(kAdvisable, chunk.size - done)),
                                      POSIX_FADV_WILLNEED));
  }
}

/// Pieces that stay in the processor's cache while their checksum is computed.
Result<void> ContentWriters::check_chunk(const Chunk& chunk, AlignedBuffer& buffer) {
  File& file = *chunk.file;
  const ContentChunk& content = file.chunks[chunk.index];
  fetch_ahead(file, chunk.index + kAhead);
  uint32_t crc = 0;
  for (uint64_t done = 0; done < content.size; done += kPiece) {
    auto piece = buffer.first(static_cast<size_t>(std::min<uint64_t>(kPiece, content.size - done)));
    size_t read = TRY(read_at(file.existing, content.offset + done, piece, file.entry.path));
    if (read != piece.size()) return Error(ErrorKind::conflict, file.entry.path + " changes while it is being read");
    crc = crc32c(crc, piece);
  }
  file.crcs[chunk.index] = crc;
  return {};
}

Result<void> ContentWriters::rewrite_chunk(repository::FrameReader& reader, const Chunk& chunk, AlignedBuffer& buffer) {
  ByteView bytes = TRY(fetch_chunk(reader, chunk, buffer));
  return rewrite_differing(*chunk.file, bytes, chunk.file->chunks[chunk.index].offset);
}

Result<void> ContentWriters::rewrite_differing(File& file, ByteView wanted, uint64_t offset) {
  Bytes there(std::min<size_t>(kPiece, wanted.size()));
  for (size_t done = 0; done < wanted.size(); done += kPiece) {
    auto piece = wanted.subspan(done, std::min(kPiece, wanted.size() - done));
    size_t read = TRY(read_at(file.existing, offset + done, MutableBytes(there).first(piece.size()), file.entry.path));
    if (read == piece.size() && std::equal(piece.begin(), piece.end(), there.begin())) continue;
    TRY(write_at(file.existing, offset + done, piece, file.entry.path));
    written_bytes_.fetch_add(piece.size(), std::memory_order_relaxed);
  }
  return {};
}

Result<void> ContentWriters::complete(repository::FrameReader& reader, const std::shared_ptr<File>& file,
                                      AlignedBuffer& buffer) {
  bool may_differ = !file->entry.crc_known || file->crc32c() != file->entry.crc32c;
  if (file->mode == File::Mode::check && may_differ) {
    for (size_t i = 0; i < file->chunks.size(); ++i) TRY(rewrite_chunk(reader, {file, i}, buffer));
  }
  return finish_file(*file);
}

Result<void> ContentWriters::finish_file(File& file) {
  uint32_t crc = file.crc32c();
  if (!file.entry.crc_known) file.entry.crc32c = crc;  // every frame was authenticated
  if (crc != file.entry.crc32c) {
    return Error(ErrorKind::corrupt, fmt::format("{}: content has CRC-32C {:08x}, the backup recorded {:08x}",
                                                 file.entry.path, crc, file.entry.crc32c));
  }
  if (file.finish) TRY(file.finish(file.fd(), file.entry));
  return file.output ? file.output->close() : file.existing.close();
}

}  // namespace spendsync::restore
