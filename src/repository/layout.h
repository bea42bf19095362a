// Where objects lie: every key of docs/format/layout.md, made from typed parts and nowhere else.
#pragma once

#include <optional>

#include "base/clock.h"
#include "crypto/data_key.h"
#include "repository/label.h"
#include "storage/object_key.h"

namespace spendsync::repository {

/// What an object is; bound into its seal (docs/format/sealing.md), so one cannot stand in for another.
enum class ObjectType {
  identity,
  started,
  pack,
  pack_index,
  manifest,
  child,
  expiring,
  pin,
  wal,
  wal_part,
  change_map,  // part of a `wal` object, no key of its own
  history,
  wal_file,
  log,
  tombstone,
  report,
  verdict,
};
/// As the seal spells it: "identity", "pack-index", "wal-part" ...
std::string_view to_string(ObjectType type);

/// One cluster's folder in a repository.
struct ClusterPath {
  std::string cluster;
  SystemIdentifier system_identifier;
  /// "<cluster>/<system identifier>"
  std::string text() const { return cluster + "/" + system_identifier.to_string(); }
};

/// Errors: invalid unless 1 to 64 characters of [A-Za-z0-9._-] that do not begin with a dot.
Result<void> check_cluster_name(std::string_view name);

/// 64 random bits that tell the packs of one run from those of another.
struct RunId {
  uint64_t value = 0;
  auto operator<=>(const RunId&) const = default;
  static RunId random(RandomSource& random);
  static Result<RunId> parse(std::string_view hex);
  std::string to_string() const;  // 16 lower-case hexadecimal digits
};

/// Which pack of which run: "<run id>-<number>".
struct PackName {
  RunId run;
  uint32_t number = 0;
  auto operator<=>(const PackName&) const = default;
  static Result<PackName> parse(std::string_view text);
  std::string to_string() const;
};

/// Bytes [from, to) of a segment that is not complete yet.
struct PartRange {
  uint32_t from = 0;
  uint32_t to = 0;
  auto operator<=>(const PartRange&) const = default;
  static Result<PartRange> parse(std::string_view text);
  std::string to_string() const;
};

/// The one object outside every cluster's folder.
storage::ObjectKey repository_key();

/// The keys of one cluster. Immutable, thread-safe.
class Layout {
 public:
  /// Requires: check_cluster_name(path.cluster).
  explicit Layout(ClusterPath path);

  const ClusterPath& path() const { return path_; }
  /// "<cluster>/<system identifier>/"
  const std::string& base() const { return base_; }

  storage::ObjectKey identity() const;
  storage::ObjectKey key_wrap(const crypto::KeyId& key, std::string_view wrap_id) const;
  storage::ObjectKey started(const Label& label) const;
  /// Made by a run that takes the label's unfinished run up again.
  storage::ObjectKey resumed(const Label& label, RunId run) const;
  storage::ObjectKey pack(const Label& label, PackName name) const;
  storage::ObjectKey manifest(const Label& label) const;
  storage::ObjectKey child(const Label& full, const Label& incremental) const;
  /// Expiry of this backup has begun; no incremental begins on it any more, and no pin keeps it.
  storage::ObjectKey expiring(const Label& label) const;
  storage::ObjectKey pin(const Label& label, RunId id) const;
  storage::ObjectKey segment(SegmentName name, uint32_t segment_size) const;
  storage::ObjectKey segment_part(SegmentName name, uint32_t segment_size, PartRange range) const;
  storage::ObjectKey history(TimelineId timeline) const;
  /// `file_name` is a .partial or .backup name; its first 8 digits are the timeline. Errors: invalid.
  Result<storage::ObjectKey> wal_file(std::string_view file_name) const;
  storage::ObjectKey log(const Label& label) const;
  /// What one verify found. Names ascend with time.
  storage::ObjectKey verdict(Timestamp finished, RunId id) const;
  /// Where expiry writes that `expired` is gone on purpose. Requires: `expired` lies in this cluster's folder.
  storage::ObjectKey tombstone(const storage::ObjectKey& expired) const;
  /// The same of consecutive segments, both ends included, and what lies beside them.
  storage::ObjectKey wal_tombstone(SegmentName first, SegmentName last, uint32_t segment_size) const;

  /// Prefixes for listings; each ends with '/'.
  std::string keys_prefix() const { return base_ + "keys/"; }
  std::string key_prefix(const crypto::KeyId& key) const { return keys_prefix() + key.to_string() + "/"; }
  std::string backups_prefix() const { return base_ + "backups/"; }
  std::string backup_prefix(const Label& label) const { return backups_prefix() + label.text() + "/"; }
  std::string packs_prefix(const Label& label) const { return backup_prefix(label) + "packs/"; }
  std::string children_prefix(const Label& full) const { return backup_prefix(full) + "children/"; }
  std::string pins_prefix(const Label& label) const { return backup_prefix(label) + "pins/"; }
  std::string wal_prefix() const { return base_ + "wal/"; }
  std::string timeline_prefix(TimelineId timeline) const { return wal_prefix() + timeline.to_hex() + "/"; }
  std::string parts_prefix(SegmentName name, uint32_t segment_size) const;
  std::string logs_prefix() const { return base_ + "logs/"; }
  std::string tombstones_prefix() const { return base_ + "tombstones/"; }
  /// Of the key's wraps that were retired.
  std::string wrap_tombstones_prefix(const crypto::KeyId& key) const {
    return tombstones_prefix() + key_prefix(key).substr(base_.size());
  }
  std::string resumed_prefix(const Label& label) const { return backup_prefix(label) + "resumed/"; }
  std::string reports_prefix() const { return base_ + "reports/"; }
  std::string verdicts_prefix() const { return base_ + "verdicts/"; }

 private:
  ClusterPath path_;
  std::string base_;
};

/// What a key in a cluster's folder names, for listings that meet every object (verify, catch-up).
/// nullopt: no object of this format lies there.
std::optional<ObjectType> classify_key(const Layout& layout, const storage::ObjectKey& key);

}  // namespace spendsync::repository
