#include "wal/push.h"

#include <fmt/format.h>

#include "base/condition.h"
#include "base/file.h"
#include "postgres/wal/commit_scanner.h"
#include "postgres/wal/segment_check.h"
#include "postgres/wal/segment_tail.h"
#include "postgres/wal/timeline_history.h"
#include "wal/path.h"
#include "wal/segment_being_written.h"
#include "wal/segment_file.h"
#include "wal/uploader.h"

namespace spendsync::wal {

namespace {

constexpr size_t kTextFileMax = 1u << 20;  // history and backup files are a few lines
constexpr size_t kSegmentNameSize = 24;

std::string last_component(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::string directory_of(const std::string& path) {
  auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}
std::string file_name_of(const PushRequest& request) {
  return request.file_name.empty() ? last_component(request.path) : request.file_name;
}

/// One file on its way.
class Push {
 public:
  Push(repository::WalArchive& archive, const repository::ClusterIdentity& identity, const PushRequest& request)
      : archive_(archive), identity_(identity), path_(request.path), with_map_(request.change_map) {
    outcome_.file_name = file_name_of(request);
    outcome_.kind = classify_wal_file(outcome_.file_name);
  }

  Result<PushOutcome> run() {
    switch (outcome_.kind) {
      case WalFileKind::segment:
        TRY(push_segment());
        break;
      case WalFileKind::history:
        TRY(push_history_file());
        break;
      case WalFileKind::partial:
        TRY(push_partial());
        break;
      case WalFileKind::backup_history:
        TRY(push_backup_history());
        break;
      case WalFileKind::unknown:
        return Error(ErrorKind::invalid, fmt::format("\"{}\" is no file that PostgreSQL archives", outcome_.file_name))
            .with_hint("archive_command must pass %p: segments, .history, .partial and .backup files");
    }
    return outcome_;
  }

 private:
  Result<void> push_segment() {
    SegmentName name = TRY(SegmentName::parse(outcome_.file_name, segment_size()));
    auto stored = store_segment(name);
    if (stored || !stored.error().is(ErrorKind::corrupt) || !is_being_written(path_, expectation(name))) return stored;
    return Error(ErrorKind::refused, fmt::format("WAL segment {} is not finished: the server is still writing it, or "
                                                 "has stopped in it",
                                                 outcome_.file_name))
        .with_hint(
            "PostgreSQL hands it to archive_command itself when it is full; to have that now, run in the server: "
            "select pg_switch_wal()");
  }

  Result<void> store_segment(SegmentName name) {
    SegmentFile file = TRY(read_segment_file());
    ByteView content = file.content();
    TRY(postgres::check_segment(content, expectation(name)));
    TRY(check_timeline(name));
    outcome_.outcome =
        TRY(archive_.summarize_and_put_segment(name, content, [&] { return summarize_to_store(name, content); }));
    return {};
  }

  /// Of a segment that is not stored yet.
  Result<repository::WalSegmentSummary> summarize_to_store(SegmentName name, ByteView content) const {
    auto summary = TRY(summarize(name, content));
    if (!summary.edges.previous_tail) summary.edges.previous_tail = tail_of_segment_before(name, summary.edges);
    TRY(archive_.expect_to_follow(name, summary.edges));
    return summary;
  }

  /// As the server has it: usually it was archived a moment ago and is still there.
  std::optional<uint64_t> tail_of_segment_before(SegmentName name, const SegmentEdges& edges) const {
    if (name.number == 0 || !edges.first_previous) return std::nullopt;
    SegmentName before = WalPath(history_, segment_size()).at(name.number - 1);
    return postgres::read_segment_tail({.path = directory_of(path_) + "/" + before.file_name(segment_size()),
                                        .name = before,
                                        .segment_size = segment_size(),
                                        .system_identifier = identity_.system_identifier,
                                        .last_record = *edges.first_previous});
  }

  Result<repository::WalSegmentSummary> summarize(SegmentName name, ByteView content) const {
    postgres::CommitScanner scanner({segment_size(), identity_.major_version});
    if (!with_map_) return summarize_segment(scanner, name, content, segment_size());
    postgres::ChangeMapper mapper({segment_size(), identity_.major_version});
    if (postgres::begins_inside_record(content)) {
      if (auto before = scan_segment_before(name)) scanner = *std::move(before);
    }
    return summarize_segment(scanner, name, content, segment_size(), &mapper);
  }

  /// The server has usually kept the segment in which the first record began. Where it has not, the map begins later,
  /// and whoever reads it finds that out: nothing here may make a push fail.
  std::optional<postgres::CommitScanner> scan_segment_before(SegmentName name) const {
    if (name.number == 0) return std::nullopt;
    SegmentName before{name.timeline, name.number - 1};
    auto file = SegmentFile::read(directory_of(path_) + "/" + before.file_name(segment_size()), segment_size());
    if (!file || !postgres::check_segment(file->content(), expectation(before))) return std::nullopt;
    postgres::CommitScanner scanner({segment_size(), identity_.major_version});
    auto fed = scanner.feed(before, file->content(), [](const postgres::WalEvent&) { return ok(); });
    if (!fed || scanner.reader().at_end()) return std::nullopt;
    return scanner;
  }

  Result<void> push_partial() {
    SegmentName name = TRY(SegmentName::parse(outcome_.file_name.substr(0, kSegmentNameSize), segment_size()));
    SegmentFile file = TRY(read_segment_file());
    ByteView content = file.content();
    TRY(postgres::check_segment_beginning(content, expectation(name)));
    TRY(check_timeline(name));
    outcome_.outcome = TRY(archive_.put_file(outcome_.file_name, content));
    return {};
  }

  Result<void> push_backup_history() {
    SegmentName name = TRY(SegmentName::parse(outcome_.file_name.substr(0, kSegmentNameSize), segment_size()));
    std::string text = TRY(read_text_file(path_, kTextFileMax));
    outcome_.bytes = text.size();
    // xlog.c: do_pg_backup_stop writes "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)" first.
    std::string expected = fmt::format("(file {})", name.file_name(segment_size()));
    std::string first_line = text.substr(0, text.find('\n'));
    if (!first_line.starts_with("START WAL LOCATION: ") || !first_line.ends_with(expected)) {
      return Error(ErrorKind::corrupt, fmt::format("{} is no backup history file of segment {}", outcome_.file_name,
                                                   name.file_name(segment_size())));
    }
    TRY(check_timeline(name));
    outcome_.outcome = TRY(archive_.put_file(outcome_.file_name, as_bytes(text)));
    return {};
  }

  Result<void> push_history_file() {
    std::string digits = outcome_.file_name.substr(0, 8);
    TimelineId timeline{static_cast<uint32_t>(std::stoul(digits, nullptr, 16))};
    if (timeline.value <= 1) {
      return Error(ErrorKind::refused,
                   fmt::format("{}: timeline {} has no history", outcome_.file_name, timeline.value));
    }
    std::string text = TRY(read_text_file(path_, kTextFileMax));
    outcome_.bytes = text.size();
    outcome_.outcome = TRY(store_history(timeline, text));
    return {};
  }

  /// Content first: an old file that comes again is a duplicate, whatever was archived since.
  Result<repository::PutOutcome> store_history(TimelineId timeline, const std::string& text) {
    auto history = TRY(postgres::parse_timeline_history(timeline, text));
    auto stored = archive_.get_history(timeline);
    if (!stored) {
      if (!stored.error().is(ErrorKind::not_found)) return std::move(stored).error();
      TRY(check_fork(history));
    }
    auto put = archive_.put_history(timeline, text);
    if (put || !put.error().is(ErrorKind::conflict)) return put;
    return std::move(put).error().with_hint(
        "two servers made a timeline of that number; one is probably a restored copy: give it a repository of its own "
        "or "
        "archive_mode = off");
  }

  /// The parent's WAL from the fork on is what a server would leave behind; where the fork lies before the parent
  /// began, that of the older ancestors which this fork cuts off is as well.
  Result<void> check_fork(const postgres::TimelineHistory& history) {
    if (history.ancestors.empty()) {
      return Error(ErrorKind::corrupt,
                   fmt::format("{} names no parent timeline", history.timeline().to_hex() + ".history"));
    }
    const Lsn fork = history.ancestors.back().switch_point;
    for (auto ancestor = history.ancestors.rbegin(); ancestor != history.ancestors.rend(); ++ancestor) {
      const bool is_parent = ancestor == history.ancestors.rbegin();
      if (is_parent || ancestor->switch_point > fork) TRY(check_nothing_left(history, ancestor->timeline, fork));
    }
    return {};
  }

  Result<void> check_nothing_left(const postgres::TimelineHistory& history, TimelineId ancestor, Lsn fork) {
    SegmentName last{ancestor, UINT64_MAX / segment_size()};
    auto abandoned = TRY(archive_.segments_between(SegmentName::containing(ancestor, fork, segment_size()), last));
    if (abandoned.empty()) return {};
    return Error(ErrorKind::refused,
                 fmt::format(
                     "timeline {} forked off timeline {} at {}, but the repository holds WAL of timeline {} up to "
                     "segment {}",
                     history.timeline().value, ancestor.value, fork.to_string(), ancestor.value,
                     abandoned.back().last.file_name(segment_size())))
        .with_condition(Condition::foreign_timeline)
        .with_hint(
            "a restored copy must have archive_mode = off; if this server is the one to go on with, accept its "
            "timeline by running `backup full` against it");
  }

  Result<void> check_timeline(SegmentName name) {
    history_ = postgres::initial_history(name.timeline);
    if (name.timeline.value == 1) return {};
    auto stored = archive_.get_history(name.timeline);
    std::string text;
    if (stored) {
      text = *std::move(stored);
    } else {
      if (!stored.error().is(ErrorKind::not_found)) return std::move(stored).error();
      text = TRY(push_sibling_history(name.timeline));
    }
    history_ = TRY(postgres::parse_timeline_history(name.timeline, text));
    if (name.end(segment_size()) > history_.entries.back().begin) return {};
    return Error(ErrorKind::refused, fmt::format("{} lies before timeline {} forked off, at {}", outcome_.file_name,
                                                 name.timeline.value, history_.entries.back().begin.to_string()));
  }

  /// Where archiving was turned on after the promotion, nobody has pushed it.
  Result<std::string> push_sibling_history(TimelineId timeline) {
    std::string sibling = directory_of(path_) + "/" + timeline.to_hex() + ".history";
    auto text = read_text_file(sibling, kTextFileMax);
    if (!text) {
      if (!text.error().is(ErrorKind::not_found)) return std::move(text).error();
      return Error(ErrorKind::refused, fmt::format("timeline {} is not known: neither the repository nor {} has its "
                                                   "history file",
                                                   timeline.value, sibling))
          .with_hint("push that file first, or run `backup full` against this server");
    }
    TRY(store_history(timeline, *text));
    return *std::move(text);
  }

  Result<SegmentFile> read_segment_file() {
    SegmentFile file = TRY(SegmentFile::read(path_, segment_size()));
    outcome_.bytes = file.content().size();
    return file;
  }

  postgres::SegmentExpectation expectation(SegmentName name) const {
    return {name, segment_size(), identity_.system_identifier, identity_.major_version};
  }
  uint32_t segment_size() const { return identity_.wal_segment_size; }

  repository::WalArchive& archive_;
  const repository::ClusterIdentity& identity_;
  const std::string path_;
  const bool with_map_;
  postgres::TimelineHistory history_;  // of the segment's timeline
  PushOutcome outcome_;
};

}  // namespace

Result<PushOutcome> push_wal_file(repository::WalArchive& archive, const repository::ClusterIdentity& identity,
                                  const PushRequest& request) {
  return Push(archive, identity, request).run();
}

Result<std::optional<SystemIdentifier>> identify_wal_file(const PushRequest& request) {
  WalFileKind kind = classify_wal_file(file_name_of(request));
  if (kind != WalFileKind::segment && kind != WalFileKind::partial) return std::optional<SystemIdentifier>();
  constexpr size_t kHeaderBytes = 64;  // a long page header has 40
  Fd file = TRY(open_file(request.path, O_RDONLY));
  Bytes header(kHeaderBytes);
  size_t size = TRY(read_at(file, 0, header, request.path));
  auto parsed = postgres::read_segment_header(ByteView(header).first(size));
  if (!parsed) return std::move(parsed).error().with_context(request.path);
  return std::optional(parsed->system_identifier);
}

int push_exit_code(const Error& error) {
  constexpr int kMost = 125;
  int code = error.exit_code().value_or(1);
  return code >= 1 && code <= kMost ? code : 1;
}

}  // namespace spendsync::wal
