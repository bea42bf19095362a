#include "wal/lineage.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/condition.h"
#include "base/file.h"
#include "postgres/wal/record_reader.h"
#include "postgres/wal/segment_check.h"
#include "postgres/wal/segment_tail.h"
#include "repository/wal_continuity.h"
#include "wal/segment_file.h"

namespace spendsync::wal {

namespace {

bool is_among(const std::vector<repository::StoredRun>& ranges, SegmentName name) {
  return std::ranges::any_of(ranges, [&](const auto& range) { return range.first <= name && name <= range.last; });
}

std::optional<SegmentName> newest_of(const std::vector<repository::StoredRun>& ranges) {
  if (ranges.empty()) return std::nullopt;
  return ranges.back().last;
}

Result<Lsn> insert_position(postgres::Connection& control, std::stop_token stop) {
  auto text = TRY(control.query_value("SELECT pg_catalog.pg_current_wal_insert_lsn()::text", {}, stop));
  return Lsn::parse(text);
}

/// A stored segment that is damaged or expired meanwhile is no other history; verify names it.
bool says_nothing(const Error& error) { return error.is(ErrorKind::corrupt) || error.is(ErrorKind::not_found); }

}  // namespace

bool holds_same_records(SegmentName name, ByteView stored, ByteView other, uint32_t segment_size, int major_version) {
  if (stored.size() != other.size()) return false;
  postgres::WalRecordReader reader({.segment_size = segment_size, .major_version = major_version});
  Lsn last_end = name.end(segment_size);
  auto note_switch = [&](const postgres::WalRecord& record) -> Result<void> {
    if (record.is(postgres::XlogRecordType::switch_segment)) last_end = Lsn{record.start.value + record.size};
    return {};
  };
  // What cannot be read to its end is compared as a whole.
  auto read = reader.feed(name, stored, note_switch);
  size_t meaningful = !read || reader.at_end() ? stored.size() : last_end.value - name.start(segment_size).value;
  return std::ranges::equal(stored.first(meaningful), other.first(meaningful));
}

Result<std::optional<std::string>> WalLineage::is_behind(postgres::Connection& control, TimelineId timeline,
                                                         std::stop_token stop) {
  Lsn server = TRY(insert_position(control, stop));
  SegmentName first = SegmentName::containing(timeline, server, settings_.segment_size);
  SegmentName last{timeline, UINT64_MAX / settings_.segment_size};
  auto beyond = TRY(archive_.segments_between(first, last));
  auto newest = newest_of(beyond);
  if (!newest) return std::optional<std::string>();
  // It goes on writing and archiving meanwhile: what was listed was complete by then.
  server = TRY(insert_position(control, stop));
  Lsn archived_end = newest->end(settings_.segment_size);
  if (server >= archived_end) return std::optional<std::string>();
  return std::optional(
      fmt::format("the repository holds WAL of timeline {} up to {} ({}), and the server is only at {}", timeline.value,
                  archived_end.to_string(), newest->file_name(settings_.segment_size), server.to_string()));
}

Result<std::optional<WalLineage::Divergence>> WalLineage::judge(postgres::Connection& control, TimelineId timeline,
                                                                std::stop_token stop) {
  auto behind = TRY(is_behind(control, timeline, stop));
  Lsn server = TRY(insert_position(control, stop));
  auto differs = TRY(first_difference(timeline, server, server, stop));
  if (behind) {
    auto first = differs.value_or(SegmentName::containing(timeline, server, settings_.segment_size));
    return std::optional(Divergence{*std::move(behind), first});
  }
  if (differs) return std::optional(Divergence{describe_difference(*differs), *differs});
  return judge_first_new(timeline, server);
}

Result<void> WalLineage::expect_same_history(postgres::Connection& control, TimelineId timeline, std::stop_token stop) {
  auto divergence = TRY(judge(control, timeline, stop));
  if (divergence) return repository::wal_diverged(std::move(divergence->what));
  return {};
}

Result<void> WalLineage::compare(TimelineId timeline, Lsn from, Lsn until, std::stop_token stop) {
  auto differs = TRY(first_difference(timeline, from, until, stop));
  if (differs) return repository::wal_diverged(describe_difference(*differs));
  return {};
}

std::string WalLineage::describe_difference(SegmentName first) const {
  return fmt::format("from WAL segment {} on the repository holds other WAL than the server's {} does",
                     first.file_name(settings_.segment_size), settings_.wal_directory);
}

Result<std::optional<SegmentName>> WalLineage::first_difference(TimelineId timeline, Lsn from, Lsn until,
                                                                std::stop_token stop) {
  std::optional<SegmentName> differs;
  uint64_t below = until.value / settings_.segment_size;
  auto local = TRY(local_segments(timeline, below));
  if (local.empty()) return differs;
  auto stored = TRY(archive_.segments_between(local.front(), local.back()));
  std::erase_if(local, [&](SegmentName name) { return !is_among(stored, name); });
  uint64_t first = from.value / settings_.segment_size;
  // Newest first: where histories have parted, they do not meet again.
  for (auto name = local.rbegin(); name != local.rend(); ++name) {
    if (name != local.rbegin() && !differs && name->number < first) break;
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while comparing WAL with the server's");
    bool same = TRY(is_same(*name));
    if (same && differs) break;
    if (!same) differs = *name;
  }
  return differs;
}

/// Where the server has recycled all that is stored, the first segment that is not says what it follows.
Result<std::optional<WalLineage::Divergence>> WalLineage::judge_first_new(TimelineId timeline, Lsn until) {
  std::optional<Divergence> nothing;
  auto local = TRY(local_segments(timeline, until.value / settings_.segment_size));
  if (local.empty() || local.front().number == 0) return nothing;
  auto stored = TRY(archive_.segments_between({timeline, local.front().number - 1}, local.back()));
  for (SegmentName name : local) {
    if (is_among(stored, name) || !is_among(stored, {timeline, name.number - 1})) continue;
    auto own = TRY(read_own(name));
    if (!own) return nothing;
    postgres::WalRecordReader reader(
        {.segment_size = settings_.segment_size, .major_version = settings_.major_version});
    TRY(reader.feed(name, own->content(), [](const postgres::WalRecord&) { return ok(); }));
    SegmentEdges edges = reader.edges();
    if (edges.first_previous) {
      SegmentName before{timeline, name.number - 1};
      edges.previous_tail =
          postgres::read_segment_tail({.path = settings_.wal_directory + "/" + before.file_name(settings_.segment_size),
                                       .name = before,
                                       .segment_size = settings_.segment_size,
                                       .system_identifier = settings_.system_identifier,
                                       .last_record = *edges.first_previous});
    }
    auto follows = archive_.expect_to_follow(name, edges);
    if (follows) return nothing;
    if (follows.error().condition() != Condition::wal_diverged) return std::move(follows).error();
    return std::optional(Divergence{follows.error().message(), name});
  }
  return nothing;
}

/// Ascending; those whose first page is what the name says. Files that the server has recycled carry future names.
Result<std::vector<SegmentName>> WalLineage::local_segments(TimelineId timeline, uint64_t below) const {
  std::vector<SegmentName> segments;
  auto names = list_directory(settings_.wal_directory);
  if (!names) {
    bool elsewhere = names.error().is(ErrorKind::not_found) || names.error().is(ErrorKind::denied);
    if (settings_.wal_directory.empty() || elsewhere) return segments;
    return std::move(names).error();
  }
  for (const auto& file_name : *names) {
    if (classify_wal_file(file_name) != WalFileKind::segment) continue;
    auto name = SegmentName::parse(file_name, settings_.segment_size);
    if (name && name->timeline == timeline && name->number < below) segments.push_back(*name);
  }
  std::ranges::sort(segments);
  return segments;
}

/// True also where the file has gone or was taken for later WAL meanwhile: then it says nothing.
Result<bool> WalLineage::is_same(SegmentName name) {
  auto own = TRY(read_own(name));
  if (!own) return true;
  auto identical = archive_.is_stored_as(name, own->content());
  if (!identical && says_nothing(identical.error())) return true;
  if (!identical) return std::move(identical).error();
  ++compared_;
  if (*identical) return true;
  auto stored = archive_.get_segment(name);
  if (!stored && says_nothing(stored.error())) return true;
  if (!stored) return std::move(stored).error();
  if (holds_same_records(name, *stored, own->content(), settings_.segment_size, settings_.major_version)) return true;
  // A file that was taken for later WAL while it was read holds some of both.
  auto again = TRY(read_own(name));
  return !again || !std::ranges::equal(again->content(), own->content());
}

/// Empty: the server has no such segment, or has taken its file for later WAL.
Result<std::optional<SegmentFile>> WalLineage::read_own(SegmentName name) const {
  auto path = settings_.wal_directory + "/" + name.file_name(settings_.segment_size);
  auto file = SegmentFile::read(path, settings_.segment_size);
  if (!file && file.error().is(ErrorKind::not_found)) return std::optional<SegmentFile>();
  if (!file) return std::move(file).error();
  postgres::SegmentExpectation expected{name, settings_.segment_size, settings_.system_identifier,
                                        settings_.major_version};
  if (!postgres::check_segment_beginning(file->content(), expected)) return std::optional<SegmentFile>();
  return std::optional<SegmentFile>(*std::move(file));
}

}  // namespace spendsync::wal
