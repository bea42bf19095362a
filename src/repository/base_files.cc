#include "repository/base_files.h"

#include <algorithm>

#include "crypto/sealed_stream.h"
#include "repository/pack_presence.h"

namespace spendsync::repository {

Result<std::unique_ptr<BaseFiles>> BaseFiles::open(Repository& repository, const Label& full, std::stop_token stop) {
  auto reader = TRY(BackupReader::open(repository, full));
  if (reader->summary().type() != BackupType::full) {
    return Error(ErrorKind::refused, full.text() + " is no full backup: incrementals refer to one");
  }
  TRY(expect_packs(repository, full, reader->manifest().body.packs, stop));
  auto hasher = TRY(reader->page_hasher());
  std::unique_ptr<BaseFiles> files(new BaseFiles(std::move(reader), std::move(hasher)));
  auto remember = [&](const FileEntry& entry, const FileTableParser::Place& place) -> Result<void> {
    if (entry.kind == FileKind::file) files->records_.push_back({hash_of(entry.set, entry.path), place});
    return ok();
  };
  TRY(files->reader_->for_each_place(remember, std::move(stop)));
  std::ranges::sort(files->records_, {}, &Record::hash);
  return files;
}

uint64_t BaseFiles::hash_of(uint32_t set, std::string_view path) {
  return std::hash<std::string_view>()(path) * 31 + set;
}

Result<std::optional<FileEntry>> BaseFiles::find(uint32_t set, std::string_view path) {
  auto same_hash = std::ranges::equal_range(records_, hash_of(set, path), {}, &Record::hash);
  for (const auto& record : same_hash) {
    auto entry = TRY(reader_->file_at(record.place.offset, record.place.length));
    if (entry.set == set && entry.path == path) return std::optional(std::move(entry));
  }
  return std::optional<FileEntry>();
}

Result<std::vector<Hash128>> BaseFiles::block_hashes(const FileEntry& entry) {
  if (!entry.block_hashes) return std::vector<Hash128>();
  return reader_->block_hashes(*entry.block_hashes);
}

namespace {

/// [begin, end) of the run's content, as a run of the frames that hold it.
FrameRun part_of(const FrameRun& run, uint64_t begin, uint64_t end) {
  auto first = static_cast<size_t>(begin / run.raw_size);
  auto last = static_cast<size_t>((end - 1) / run.raw_size);
  FrameRun part;
  part.source = FrameSource::base;
  part.pack = run.pack;
  part.first_number = run.first_number + static_cast<uint32_t>(first);
  part.first_offset = run.first_offset;
  for (size_t i = 0; i < first; ++i) part.first_offset += crypto::kFrameOverhead + run.stored_sizes[i];
  part.stored_sizes.assign(run.stored_sizes.begin() + static_cast<std::ptrdiff_t>(first),
                           run.stored_sizes.begin() + static_cast<std::ptrdiff_t>(last + 1));
  part.last_raw_size = run.raw_size_of(last);
  part.raw_size = first == last ? part.last_raw_size : run.raw_size;
  part.skip = begin - uint64_t{first} * run.raw_size;
  part.length = end - begin;
  return part;
}

}  // namespace

void keep_from_base(const FrameRuns& content, uint64_t begin, uint64_t end, FrameRuns& kept) {
  uint64_t run_begin = 0;
  for (const auto& run : content.runs()) {
    auto run_end = run_begin + run.length;
    auto from = std::max(begin, run_begin);
    auto to = std::min(end, run_end);
    if (from < to) kept.add_run(part_of(run, from - run_begin, to - run_begin));
    run_begin = run_end;
  }
}

}  // namespace spendsync::repository
