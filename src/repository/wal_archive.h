// Write-ahead log in the repository: segments, history files, parts (docs/format/wal.md).
#pragma once

#include <functional>

#include "base/condition.h"
#include "base/segment_edges.h"
#include "repository/codec.h"
#include "repository/log_record.h"

namespace spendsync::repository {

/// What is known of a segment's content, readable without its data.
struct WalSegmentSummary {
  std::optional<CommitPoint> first_commit;
  std::optional<CommitPoint> last_commit;
  std::optional<Timestamp> greatest_commit_time;  // not the last commit's where the clock went back in between
  uint64_t records = 0;                           // 0: not counted
  SegmentEdges edges;  // of whole segments: what proves that the next one goes on where this one ends
  Bytes change_map;    // of a segment (docs/format/change-maps.md), opaque here; empty: none

  /// The next commit of the segment.
  void add(CommitPoint commit) {
    if (!first_commit) first_commit = commit;
    last_commit = commit;
    greatest_commit_time = std::max(greatest_commit_time, std::optional(commit.time));
  }
};

/// The meta stream of a WAL object.
struct WalMeta {
  WalSegmentSummary summary;
  uint64_t size = 0;            // bytes of content
  crypto::Sha256Digest hmac{};  // HMAC-SHA-256 of the content under the meta key, purpose "content mac"
  crypto::KeyId meta_key;
  Timestamp stored;               // the writer's clock
  std::optional<PartRange> part;  // parts only
  std::vector<std::string> data_wraps;
  std::vector<std::string> meta_wraps;
  uint64_t map_size = 0;     // of the sealed change map, which stands before the data stream; 0: none
  uint64_t data_offset = 0;  // where the data stream begins in the object, bytes
};

/// Whole segments that are stored.
struct StoredRun : SegmentRun {
  uint64_t stored_bytes = 0;
};

/// Thread-safe: every call works with buffers of its own (a segment and its compressed form).
class WalArchive {
 public:
  struct Settings {
    Compressor::Settings compression;
    uint32_t frame_size = 1u << 20;  // bytes; at most 1 MiB
    unsigned threads = 1;            // that compress one segment together
  };
  WalArchive(Repository& repository, Settings settings) : repository_(repository), settings_(settings) {}

  /// Stores a whole segment; success means durable (A1). already_identical: the same content is there (A2).
  /// Errors: conflict when other content is there: both HMACs are named, nothing is overwritten; invalid unless
  /// content is exactly one segment.
  Result<PutOutcome> put_segment(SegmentName name, ByteView content, const WalSegmentSummary& summary);
  /// The same. `summarize` runs on this thread while others compress; its error means that nothing was stored. It is
  /// not asked when the segment is there already.
  using Summarize = std::function<Result<WalSegmentSummary>()>;
  Result<PutOutcome> summarize_and_put_segment(SegmentName name, ByteView content, const Summarize& summarize);
  /// One range read of about 1 KiB. Errors: not_found, corrupt.
  Result<WalMeta> read_meta(SegmentName name);
  /// Proved by size, GCM and HMAC. Errors: not_found when the store proved it absent; corrupt; transient ...
  Result<Bytes> get_segment(SegmentName name);
  Result<bool> exists(SegmentName name);
  /// Whether the stored segment has this content, by its HMAC: one small range read. Errors: as read_meta.
  Result<bool> is_stored_as(SegmentName name, ByteView content);
  /// The segment before `name` on its timeline, where the repository has it, must end where this one goes on.
  /// Errors: conflict (Condition::wal_diverged) when it does not; those of the store.
  Result<void> expect_to_follow(SegmentName name, const SegmentEdges& edges);
  /// What put_segment was given as change map, authenticated; nullopt when the segment is stored without one. Two range
  /// reads; needs the meta key alone. Errors: as read_meta.
  struct StoredChangeMap {
    SegmentEdges edges;
    std::optional<Bytes> map;
  };
  Result<StoredChangeMap> read_change_map(SegmentName name);

  /// "<8 digits>.history". Same outcomes as put_segment.
  Result<PutOutcome> put_history(TimelineId timeline, std::string_view content);
  Result<std::string> get_history(TimelineId timeline);

  /// ".partial" and ".backup" files under their own names, at most one segment long.
  Result<PutOutcome> put_file(std::string_view file_name, ByteView content);
  Result<Bytes> get_file(std::string_view file_name);

  /// Streamed bytes of a segment that is not complete yet. Same outcomes as put_segment.
  Result<PutOutcome> put_part(SegmentName name, PartRange range, ByteView content, const WalSegmentSummary& summary);
  /// Ascending by (from, to).
  Result<std::vector<PartRange>> list_parts(SegmentName name);
  Result<Bytes> get_part(SegmentName name, PartRange range);
  /// The bytes from 0 on that parts cover without a gap. Empty when there are none.
  Result<Bytes> assemble_parts(SegmentName name);

  /// A whole object of type wal, wal_part or wal_file by its key, proved as get_segment proves. For verify.
  struct OpenedObject {
    WalMeta meta;
    crypto::KeyId data_key;
    Bytes content;
  };
  Result<OpenedObject> open_object(ObjectType type, const storage::ObjectKey& key);

  /// Timelines that have a folder, ascending.
  Result<std::vector<TimelineId>> timelines();
  /// Timelines that have a history file, ascending.
  Result<std::vector<TimelineId>> histories();
  /// Whole segments as gapless ranges, ascending. Memory: one entry a gap.
  Result<std::vector<StoredRun>> segments(TimelineId timeline);
  /// The same, only those from `first` to `last`.
  Result<std::vector<StoredRun>> segments_between(SegmentName first, SegmentName last);

 private:
  struct Target;
  Result<PutOutcome> put_sealed(const Target& target, ByteView content, WalMeta meta, const Summarize& summarize = {});
  Result<PutOutcome> compare_with_stored(const Target& target, ByteView content);
  Result<WalMeta> read_sealed_meta(const Target& target);
  Result<Target> segment_target(SegmentName name) const;
  Result<void> check_whole(SegmentName name, ByteView content) const;
  uint32_t segment_size() const;

  Repository& repository_;
  Settings settings_;
};

}  // namespace spendsync::repository
