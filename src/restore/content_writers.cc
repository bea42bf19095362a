#include "restore/content_writers.h"

#include <fmt/format.h>

#include "base/crc32c.h"

namespace spendsync::restore {

using repository::ContentChunk;
using repository::FileEntry;

namespace {

constexpr size_t kQueuedChunks = 256;  // with small files, so many descriptors are open

}  // namespace

struct ContentWriters::File {
  File(FileEntry taken, Fd fd) : entry(std::move(taken)), output(std::move(fd), entry.size) {}
  FileEntry entry;
  OutputFile output;
  FinishFile finish;
  std::vector<ContentChunk> chunks;  // refer to `entry`
  std::vector<uint32_t> crcs;        // of each chunk; every element has one writer
  std::atomic<size_t> left{0};       // chunks not written yet; whoever takes it to zero completes the file
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
  auto file = std::make_shared<File>(std::move(entry), std::move(fd));
  file->finish = std::move(finish);
  file->chunks = TRY_CONTEXT(repository::split_content(file->entry), file->entry.path);
  if (file->chunks.empty()) return complete(*file);
  file->crcs.resize(file->chunks.size());
  file->left = file->chunks.size();
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
    TRY(write_chunk(reader, *chunk, buffer));
    if (chunk->file->left.fetch_sub(1, std::memory_order_acq_rel) == 1) TRY(complete(*chunk->file));
  }
}

Result<void> ContentWriters::write_chunk(repository::FrameReader& reader, const Chunk& chunk, AlignedBuffer& buffer) {
  File& file = *chunk.file;
  const ContentChunk& content = file.chunks[chunk.index];
  auto bytes = buffer.first(static_cast<size_t>(content.size));
  TRY(reader.read(content, bytes, file.entry.path));
  file.crcs[chunk.index] = crc32c(0, bytes);
  TRY(file.output.write(content.offset, bytes, file.entry.path));
  progress_.add_bytes(bytes.size());
  return {};
}

Result<void> ContentWriters::complete(File& file) {
  uint32_t crc = 0;
  for (size_t i = 0; i < file.chunks.size(); ++i) crc = crc32c_combine(crc, file.crcs[i], file.chunks[i].size);
  if (crc != file.entry.crc32c) {
    return Error(ErrorKind::corrupt, fmt::format("{}: content has CRC-32C {:08x}, the backup recorded {:08x}",
                                                 file.entry.path, crc, file.entry.crc32c));
  }
  if (file.finish) TRY(file.finish(file.output.fd(), file.entry));
  return file.output.close();
}

}  // namespace spendsync::restore
