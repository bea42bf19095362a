#include "wal/unsaved.h"

#include <algorithm>

#include "base/file.h"
#include "postgres/wal/begun_segments.h"
#include "postgres/wal/segment_check.h"

namespace spendsync::wal {

using repository::StoredRun;

namespace {

constexpr size_t kHistoryFileMax = 1u << 20;  // a few lines

/// One that cannot be read leads nowhere: saving it will say why.
void add_histories(WalInventory& inventory, const std::string& wal_directory, const std::vector<SegmentName>& begun) {
  for (const auto& segment : begun) {
    if (inventory.histories.contains(segment.timeline)) continue;
    auto text = read_text_file(wal_directory + "/" + segment.timeline.to_hex() + ".history", kHistoryFileMax);
    if (!text) continue;
    auto history = postgres::parse_timeline_history(segment.timeline, *text);
    if (history) inventory.histories.emplace(segment.timeline, *std::move(history));
  }
}

bool contains(const std::vector<StoredRun>& ranges, SegmentName name) {
  return std::ranges::any_of(ranges, [&](const StoredRun& range) {
    return range.first.number <= name.number && name.number <= range.last.number;
  });
}

/// Ranges that meet become one.
void insert(std::vector<StoredRun>& ranges, SegmentName name) {
  ranges.push_back({{name, name}, 0});
  std::ranges::sort(ranges, {}, [](const StoredRun& range) { return range.first.number; });
  std::vector<StoredRun> joined;
  for (const auto& range : ranges) {
    if (!joined.empty() && joined.back().last.number + 1 == range.first.number) {
      joined.back().last = range.last;
      joined.back().stored_bytes += range.stored_bytes;
    } else {
      joined.push_back(range);
    }
  }
  ranges = std::move(joined);
}

}  // namespace

Result<std::optional<SegmentName>> add_unsaved(WalInventory& inventory, const std::string& wal_directory,
                                               SystemIdentifier system_identifier) {
  const auto size = inventory.segment_size;
  auto begun = TRY(postgres::begun_segments(wal_directory, size, system_identifier));
  std::optional<SegmentName> newest;
  add_histories(inventory, wal_directory, begun);
  for (const auto& segment : begun) {
    auto known = inventory.segments.find(segment.timeline);
    if (known != inventory.segments.end() && contains(known->second, segment)) continue;
    if (postgres::is_superseded(wal_directory, size, segment, begun)) continue;
    inventory.unsaved.emplace(segment, wal_directory + "/" + segment.file_name(size));
    if (segment == begun.back()) {
      newest = segment;
    } else {
      insert(inventory.segments[segment.timeline], segment);
    }
  }
  return newest;
}

std::optional<Bytes> read_unsaved(const std::map<SegmentName, std::string>& unsaved, SegmentName name,
                                  uint32_t segment_size) {
  auto found = unsaved.find(name);
  if (found == unsaved.end()) return std::nullopt;
  auto content = read_file(found->second, segment_size);
  // A file that got another name holds other WAL, or soon will.
  auto header = content ? postgres::read_segment_header(*content) : Result<postgres::SegmentHeader>(content.error());
  if (!header || header->address != name.start(segment_size)) return std::nullopt;
  return *std::move(content);
}

Result<Bytes> get_partial_or_whole(repository::WalArchive& archive, SegmentName name, uint32_t segment_size) {
  auto partial = archive.get_file(name.file_name(segment_size) + ".partial");
  if (partial || !partial.error().is(ErrorKind::not_found)) return partial;
  return archive.get_segment(name);
}

}  // namespace spendsync::wal
