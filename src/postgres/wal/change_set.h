// Which blocks and relations a stretch of WAL changes.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/types.h"

namespace spendsync::postgres {

/// A relation's files (storage/relfilelocator.h). `database` is 0 for what all databases share.
struct RelationPlace {
  uint32_t tablespace = 0;
  uint32_t database = 0;
  uint32_t relation = 0;  // relfilenumber
  auto operator<=>(const RelationPlace&) const = default;
};

/// Why WAL does not say all that changed.
enum class UnloggedCause : uint8_t {
  minimal_level = 1,   // wal_level was minimal: bulk loads are not logged
  unknown_record = 2,  // of a kind that makes or removes files, and is not known here
  long_record = 3,     // a record too long to be looked into
};
std::string_view to_string(UnloggedCause cause);

/// Blocks of main forks one by one, and what may have been made anew as a whole: relations that were created, truncated
/// or dropped, databases that were copied or dropped, tablespaces that were dropped. Only ever grows.
/// Memory: 4 bytes a block that changed, at most twice that while it grows; and some 100 bytes a relation.
class WalChangeSet {
 public:
  void add_block(const RelationPlace& place, BlockNumber block) { blocks_[place].add(block.value); }
  void add_relation(const RelationPlace& place) { relations_.insert(place); }
  void add_database(uint32_t tablespace, uint32_t database) { databases_.insert({tablespace, database}); }
  void add_tablespace(uint32_t tablespace) { tablespaces_.insert(tablespace); }
  void set_incomplete(UnloggedCause cause) { incomplete_ = cause; }
  void merge(const WalChangeSet& other);

  /// Set: nothing can be concluded from what is not in here.
  std::optional<UnloggedCause> incomplete() const { return incomplete_; }
  /// Whether the relation's files may hold other content as a whole.
  bool is_remade(const RelationPlace& place) const;
  /// Created or dropped, by oid.
  const std::set<uint32_t>& tablespaces() const { return tablespaces_; }
  /// Ascending, each once. Valid until the set changes. Requires: sort() after the last change.
  std::span<const uint32_t> blocks(const RelationPlace& place) const;
  void sort();
  /// Of all relations; the same block counts twice until sort().
  uint64_t block_count() const;
  bool empty() const;

  /// docs/format/change-maps.md. Sorts first.
  void encode(Bytes& out);
  /// Errors: corrupt: what is out of order, out of range or left over.
  static Result<WalChangeSet> decode(ByteView bytes);

 private:
  struct Blocks {
    std::vector<uint32_t> numbers;
    size_t compact_at = 1024;
    bool is_sorted = true;  // and without duplicates
    void add(uint32_t block);
    void sort();
  };
  static Result<WalChangeSet> decode_fields(ByteReader& reader);

  std::map<RelationPlace, Blocks> blocks_;
  std::set<RelationPlace> relations_;
  std::set<std::pair<uint32_t, uint32_t>> databases_;  // tablespace, database
  std::set<uint32_t> tablespaces_;
  std::optional<UnloggedCause> incomplete_;
};

}  // namespace spendsync::postgres
