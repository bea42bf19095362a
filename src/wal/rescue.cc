#include "wal/rescue.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "postgres/wal/begun_segments.h"
#include "wal/push.h"

namespace spendsync::wal {

namespace {

constexpr size_t kHistoryFileMax = 1u << 20;  // a few lines

class Rescue {
 public:
  Rescue(repository::WalArchive& archive, const repository::ClusterIdentity& identity,
         const WalRescueSettings& settings, std::stop_token stop)
      : archive_(archive), identity_(identity), settings_(settings), stop_(std::move(stop)) {}

  Result<WalRescue> run() {
    auto names = TRY(list_directory(settings_.wal_directory));
    for (const auto& name : names) {
      if (classify_wal_file(name) == WalFileKind::history) TRY(save_history(name));
    }
    auto segments =
        TRY(postgres::begun_segments(settings_.wal_directory, identity_.wal_segment_size, identity_.system_identifier));
    for (const auto& segment : segments) {
      if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped while saving WAL");
      TRY(save_segment(segment, segments));
    }
    if (!segments.empty()) result_.newest = segments.back();
    return std::move(result_);
  }

 private:
  std::string path_of(const std::string& name) const { return settings_.wal_directory + "/" + name; }

  Result<void> save_history(const std::string& name) {
    auto pushed = push_wal_file(archive_, identity_, {.path = path_of(name), .file_name = {}});
    if (pushed) {
      note_stored(name, *pushed);
      return {};
    }
    if (pushed.error().is(ErrorKind::refused)) {
      TimelineId timeline{static_cast<uint32_t>(std::stoul(name.substr(0, 8), nullptr, 16))};
      auto text = TRY(read_text_file(path_of(name), kHistoryFileMax));
      auto accepted = archive_.put_history(timeline, text);
      if (accepted) {
        result_.stored.push_back(name);
        return {};
      }
    }
    return keep_aside(name, pushed.error());
  }

  Result<void> save_segment(SegmentName segment, const std::vector<SegmentName>& segments) {
    const bool newest = segment == segments.back();
    auto name = segment.file_name(identity_.wal_segment_size);
    auto pushed = push_wal_file(archive_, identity_, {.path = path_of(name), .file_name = {}});
    if (pushed) {
      note_stored(name, *pushed);
      return {};
    }
    bool unfinished = pushed.error().is(ErrorKind::corrupt) || pushed.error().is(ErrorKind::refused);
    if (unfinished && newest) {
      auto partial = push_wal_file(archive_, identity_, {.path = path_of(name), .file_name = name + ".partial"});
      if (partial) {
        note_stored(name + ".partial", *partial);
        return {};
      }
      return keep_aside(name, partial.error());
    }
    // An older timeline ended in the middle of its last segment: the next one begins with a copy of it.
    bool superseded = postgres::is_superseded(settings_.wal_directory, identity_.wal_segment_size, segment, segments);
    if (unfinished && superseded) return {};
    return keep_aside(name, pushed.error());
  }

  void note_stored(const std::string& name, const PushOutcome& pushed) {
    if (pushed.outcome == repository::PutOutcome::stored) result_.stored.push_back(name);
  }

  /// What may succeed a moment later is not given up.
  Result<void> keep_aside(const std::string& name, const Error& why) {
    if (why.is(ErrorKind::transient) || why.is(ErrorKind::cancelled)) return Error(why).with_context("saving " + name);
    TRY(make_directories(settings_.aside_directory, 0700));
    auto content = TRY(read_file(path_of(name), identity_.wal_segment_size));
    TRY(replace_file(settings_.aside_directory + "/" + name, content, 0600));
    result_.aside.push_back({name, why.message()});
    return {};
  }

  repository::WalArchive& archive_;
  const repository::ClusterIdentity& identity_;
  const WalRescueSettings& settings_;
  std::stop_token stop_;
  WalRescue result_;
};

}  // namespace

Result<WalRescue> rescue_wal(repository::WalArchive& archive, const repository::ClusterIdentity& identity,
                             const WalRescueSettings& settings, std::stop_token stop) {
  return Rescue(archive, identity, settings, std::move(stop)).run();
}

}  // namespace spendsync::wal
