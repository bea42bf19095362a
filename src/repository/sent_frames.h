// What interrupted runs of a label have sent already, found again by content. Inside this folder only.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>

#include "repository/manifest.h"
#include "repository/pack_index.h"

namespace spendsync::repository {

/// The frames in complete packs of the label, by the keyed hash of their content (docs/format/packs.md). Packs of the
/// data class count whose index opens under the run's meta key; before the first frame of a pack is used, the whole
/// pack is proved as verify does.
/// Memory: 16 bytes a frame for at most `frames_max` of them, 100 bytes a pack, and kIndexesKept indexes.
/// Thread-safe after load().
class SentFrames {
 public:
  struct Settings {
    size_t frames_max = 8u << 20;  // 128 MiB; 2 TiB of files in frames of 256 KiB
  };
  /// What there is, before anything of it was used.
  struct Found {
    uint32_t packs = 0;
    uint64_t frames = 0;
    uint64_t stored_bytes = 0;      // of the packs
    uint64_t raw_bytes = 0;         // of content
    uint32_t packs_unreadable = 0;  // damaged, or not of this meta key: sent again
    uint32_t packs_beyond = 0;      // over `frames_max`: sent again
  };

  /// Reads the index of every pack of the label. What is wrong with one pack leaves it out.
  /// Errors: those of the store but not_found and corrupt; cancelled.
  static Result<std::unique_ptr<SentFrames>> load(Repository& repository, const Label& label,
                                                  const crypto::KeyId& meta_key, Settings settings,
                                                  std::stop_token stop);
  SentFrames(const SentFrames&) = delete;
  SentFrames& operator=(const SentFrames&) = delete;

  const Found& found() const { return found_; }
  /// Its packs have the ids 0 to pack_count() - 1.
  uint32_t pack_count() const { return static_cast<uint32_t>(packs_.size()); }

  /// A frame that holds this content. nullopt: there is none in a pack that is whole.
  /// Errors: those of the store but not_found and corrupt; cancelled.
  Result<std::optional<FrameRef>> find(const Hash128& hash, uint32_t raw_size);

  /// Packs that find() has returned frames of, ascending by id, and the data keys they are sealed under.
  std::vector<PackRecord> used_packs() const;
  std::vector<crypto::KeyId> used_keys() const;
  /// Stored bytes of all frames that find() has returned.
  uint64_t reused_bytes() const { return reused_bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kIndexesKept = 256;
  static constexpr size_t kSameHashMax = 4;  // places remembered of one content: a page of zeros is everywhere

  struct Entry {
    uint64_t hash = 0;  // its first 8 bytes
    uint32_t pack = 0;
    uint32_t number = 0;
    auto operator<=>(const Entry&) const = default;
  };
  struct Frame {
    IndexedFrame indexed;
    uint64_t offset = 0;
  };
  using Frames = std::vector<Frame>;
  struct Pack {
    PackRecord record;
    std::mutex mutex;  // guards what follows; held while the pack is proved
    enum class State { unknown, whole, unproved } state = State::unknown;
    crypto::KeyId data_key;
    bool used = false;
  };

  SentFrames(Repository& repository, Label label, std::stop_token stop)
      : repository_(repository), label_(std::move(label)), stop_(std::move(stop)) {}
  Result<void> add_pack(const PackName& name, uint64_t size, const crypto::KeyId& meta_key, size_t frames_max);
  void forget_repeated_contents();
  Result<PackIndex> read_index(const PackName& name, uint64_t size, const crypto::KeyId* meta_key);
  Result<std::shared_ptr<const Frames>> frames_of(uint32_t pack);
  Result<bool> take(Pack& pack);
  Result<Pack::State> prove(Pack& pack);

  Repository& repository_;
  Label label_;
  std::stop_token stop_;
  Found found_;
  std::vector<std::unique_ptr<Pack>> packs_;  // by id
  std::vector<Entry> entries_;                // ascending
  std::atomic<uint64_t> reused_bytes_{0};
  std::mutex cache_mutex_;  // guards what follows
  std::map<uint32_t, std::shared_ptr<const Frames>> cache_;
  std::deque<uint32_t> cached_;  // in the order in which they came
};

}  // namespace spendsync::repository
