#include "wal/changes/changed_since.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/condition.h"
#include "postgres/wal/change_map.h"
#include "postgres/wal/page_header.h"
#include "postgres/wal/record_changes.h"
#include "postgres/wal/record_reader.h"
#include "postgres/wal/segment_check.h"
#include "repository/wal_continuity.h"
#include "wal/segment_file.h"

namespace spendsync::wal {

namespace {

constexpr uint32_t kDefaultTablespace = 1663;  // catalog/pg_tablespace.dat
constexpr uint32_t kGlobalTablespace = 1664;

/// Goes from segment to segment; `position_` is where the next record begins that was not seen yet.
class Search {
 public:
  Search(repository::WalArchive& archive, const ChangesRequest& request, std::stop_token stop)
      : archive_(archive), request_(request), stop_(std::move(stop)), position_(request.from.lsn) {}

  Result<ChangesFound> run() {
    auto searched = search();
    if (!searched) {
      // That is no lack of maps: what is stored is another server's history, and so may be the full.
      bool diverged = searched.error().condition() == Condition::wal_diverged;
      if (diverged || searched.error().is(ErrorKind::cancelled)) return std::move(searched).error();
      found_.why_not = searched.error().message();
      return std::move(found_);
    }
    if (changes_.incomplete()) {
      found_.why_not = to_string(*changes_.incomplete());
      return std::move(found_);
    }
    changes_.sort();
    found_.changes = std::move(changes_);
    return std::move(found_);
  }

 private:
  Result<void> search() {
    if (request_.until < request_.full_stop) {
      return Error(ErrorKind::conflict, fmt::format("the server is at {}, before the full's end at {}: it was put back "
                                                    "to an earlier state",
                                                    request_.until.to_string(), request_.full_stop.to_string()))
          .with_condition(Condition::wal_diverged);
    }
    auto number = SegmentName::containing(request_.from.timeline, request_.from.lsn, request_.segment_size).number;
    while (position_ < request_.until) {
      if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped while reading change maps");
      SegmentName name{request_.from.timeline, number++};
      if (name.start(request_.segment_size) >= request_.until) {
        return Error(ErrorKind::not_found, fmt::format("WAL ends at {}", position_.to_string()));
      }
      bool used = TRY(use_map(name));
      if (!used) TRY(read_segment(name));
      if (changes_.block_count() > request_.blocks_max) {
        return Error(ErrorKind::exhausted, fmt::format("more than {} blocks have changed", request_.blocks_max));
      }
    }
    return {};
  }

  /// False: there is no map that goes on where the last one ended.
  Result<bool> use_map(SegmentName name) {
    // Only a complete segment has one.
    if (name.end(request_.segment_size) > request_.until) return false;
    auto bytes = archive_.read_change_map(name);
    if (!bytes) {
      if (bytes.error().is(ErrorKind::cancelled)) return std::move(bytes).error();
      return false;
    }
    if (!bytes->map) return false;
    auto map = postgres::ChangeMap::decode(*bytes->map);
    if (!map || map->from > position_ || map->until < position_) return false;
    TRY(expect_to_follow(name, bytes->edges));
    changes_.merge(map->changes);
    position_ = map->until;
    reader_.reset();
    ++found_.maps;
    return true;
  }

  Result<void> read_segment(SegmentName name) {
    bool follows = reader_ && reader_->next_record().value != 0;
    if (!follows) {
      reader_.emplace(postgres::WalRecordReader::Settings{.segment_size = request_.segment_size,
                                                          .major_version = request_.major_version});
      first_record_ = {};
      // A record may have begun in the segment before, of which the map was used.
      if (position_ < name.start(request_.segment_size)) TRY(feed({name.timeline, name.number - 1}));
    }
    TRY(feed(name));
    // Where a segment begins with a record of its own, only the page header stands before that.
    bool at_segment = position_.value % request_.segment_size == 0;
    if (first_record_.value > position_.value + (at_segment ? postgres::kLongPageHeaderSize : 0)) {
      return Error(ErrorKind::not_found, fmt::format("the record at {} cannot be put together", position_.to_string()));
    }
    TRY(expect_to_follow(name, reader_->edges()));
    auto next = reader_->next_record();
    position_ = next.value != 0 ? next : reader_->end_of_records();
    if (next.value == 0 && position_ < request_.until) {
      return Error(ErrorKind::corrupt,
                   fmt::format("WAL segment {} ends {}", name.file_name(request_.segment_size), reader_->end_reason()));
    }
    return {};
  }

  /// What two servers wrote under names that follow each other is no history: the later one's changes would be those
  /// of another server.
  Result<void> expect_to_follow(SegmentName name, const SegmentEdges& edges) {
    auto found = continuity_.add(name, edges);
    if (found) return repository::wal_diverged(found->describe(request_.segment_size));
    return {};
  }

  Result<void> feed(SegmentName name) {
    auto visit = [&](const postgres::WalRecord& record) -> Result<void> {
      if (first_record_.value == 0) first_record_ = record.start;
      if (record.start >= request_.until) return {};
      return postgres::add_changes(record, request_.major_version, scratch_, changes_);
    };
    ++found_.segments_read;
    if (auto file = open_local(name)) return reader_->feed(name, file->content(), visit);
    if (++archived_read_ > request_.archived_max) {
      return Error(ErrorKind::not_found, fmt::format("more than {} segments have no change map, {} among them",
                                                     request_.archived_max, name.file_name(request_.segment_size)));
    }
    auto content = TRY_CONTEXT(archive_.get_segment(name),
                               fmt::format("WAL segment {} has no change map", name.file_name(request_.segment_size)));
    return reader_->feed(name, content, visit);
  }

  /// The server's own file: of the segment that is being written, everything before `until` is there.
  std::optional<SegmentFile> open_local(SegmentName name) {
    if (local_read_ + request_.segment_size > request_.local_bytes_max) return std::nullopt;
    auto path = request_.wal_directory + "/" + name.file_name(request_.segment_size);
    auto file = SegmentFile::read(path, request_.segment_size);
    postgres::SegmentExpectation expected{name, request_.segment_size, request_.system_identifier,
                                          request_.major_version};
    if (!file || !postgres::check_segment_beginning(file->content(), expected)) return std::nullopt;
    local_read_ += request_.segment_size;
    return *std::move(file);
  }

  repository::WalArchive& archive_;
  const ChangesRequest& request_;
  std::stop_token stop_;
  ChangesFound found_;
  postgres::WalChangeSet changes_;
  Lsn position_;
  repository::WalContinuity continuity_;
  std::optional<postgres::WalRecordReader> reader_;  // where the segment before was read itself
  Lsn first_record_;                                 // that this reader found
  postgres::WalRecordContents scratch_;
  uint64_t archived_read_ = 0;
  uint64_t local_read_ = 0;  // bytes
};

std::optional<uint32_t> take_number(std::string_view& text) {
  uint32_t value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr == text.data()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(parsed.ptr - text.data()));
  return value;
}

bool take_text(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

}  // namespace

Result<ChangesFound> find_changes(repository::WalArchive& archive, const ChangesRequest& request,
                                  std::stop_token stop) {
  return Search(archive, request, std::move(stop)).run();
}

std::optional<postgres::RelationPlace> relation_of(const std::string& path) {
  std::string_view rest = path;
  postgres::RelationPlace place;
  if (take_text(rest, "global/")) {
    place.tablespace = kGlobalTablespace;
  } else {
    place.tablespace = kDefaultTablespace;
    if (take_text(rest, "pg_tblspc/")) {
      auto tablespace = take_number(rest);
      if (!tablespace || !take_text(rest, "/PG_")) return std::nullopt;
      auto slash = rest.find('/');
      if (slash == std::string_view::npos) return std::nullopt;
      rest.remove_prefix(slash);
      place.tablespace = *tablespace;
    } else if (!take_text(rest, "base")) {
      return std::nullopt;
    }
    if (!take_text(rest, "/")) return std::nullopt;
    auto database = take_number(rest);
    if (!database || !take_text(rest, "/")) return std::nullopt;
    place.database = *database;
  }
  auto relation = take_number(rest);
  if (!relation) return std::nullopt;
  place.relation = *relation;
  if (rest.empty()) return place;
  if (!take_text(rest, ".")) return std::nullopt;
  auto segment = take_number(rest);
  return segment && rest.empty() ? std::optional(place) : std::nullopt;
}

}  // namespace spendsync::wal
