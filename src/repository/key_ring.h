// The data keys of one cluster: made, wrapped by every wrapper, found again by their id.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/log.h"
#include "crypto/data_key.h"
#include "repository/layout.h"
#include "storage/object_store.h"

namespace spendsync::repository {

/// A fresh pair, one of each class, and the names of its wraps, which the objects that use it write down.
struct RunKeys {
  crypto::DataKeyPtr data;
  crypto::DataKeyPtr meta;
  std::vector<std::string> data_wraps;
  std::vector<std::string> meta_wraps;
};

/// Thread-safe. Opened keys stay in locked memory until the ring goes.
class KeyRing {
 public:
  struct Settings {
    std::string repository_id;    // hexadecimal
    std::string state_directory;  // empty: none; holds the hint about the current WAL keys
    std::chrono::minutes wal_key_life{60};
  };
  KeyRing(Settings settings, Layout layout, storage::ObjectStore& store, std::vector<crypto::KeyWrapper*> wrappers,
          RandomSource& random, const Clock& clock, Log& log);

  /// Makes two new random keys, wraps each with every wrapper and puts all wraps. `purpose` is for the log.
  /// Errors: refused without a wrapper that can open (an escrow key alone); those of wrappers and store.
  Result<RunKeys> create_pair(std::string_view purpose);
  /// The same of the data class alone, beside a meta key that exists: for a run that is taken up again.
  Result<RunKeys> create_data_key_beside(const crypto::KeyId& meta_key, std::string_view purpose);
  /// The names of the key's wraps in the store, ascending. Empty: none.
  Result<std::vector<std::string>> wraps_of(const crypto::KeyId& id);

  /// Why nothing new should be sealed under the key: it was made for other keys than this ring's wrappers, because it
  /// lacks a wrap of one of them, or has or had a wrap of a key that is not among them (it may have been stolen).
  /// Empty: it is as if it were made now. Errors: those of the store.
  Result<std::string> why_outdated(const crypto::KeyId& id);

  /// Opens the key by any wrap that any wrapper can open. Cached.
  /// Errors, naming the key: not_found when it has no wraps; denied when intact wraps belong to other wrappers only
  /// (the hint says which); corrupt when what should open it is damaged; transient when a wrapper could not be asked.
  Result<crypto::DataKeyPtr> find(const crypto::KeyId& id);

  /// The pair for WAL and log records: at most `wal_key_life` old. A pair made by an earlier process within that time
  /// is used again only where a wrapper opens locally; it is found through a hint in the state directory.
  Result<RunKeys> wal_keys();

 private:
  /// A key with what its wraps say.
  struct OpenedKey {
    crypto::DataKeyPtr key;
    Timestamp created;
    std::vector<std::string> wraps;
    bool has_all_wrappers = false;  // every wrapper of this ring has a wrap of it
  };
  struct CurrentWalKeys {
    RunKeys keys;
    Timestamp created;
  };
  struct NewKey {
    crypto::DataKeyPtr key;
    std::vector<std::string> wraps;
  };
  Result<void> expect_an_opener() const;
  Result<NewKey> create_key(crypto::KeyClass key_class);
  Result<OpenedKey> open_by_any_wrap(const crypto::KeyId& id, bool locally);
  bool is_young(Timestamp created) const;
  std::string hint_path() const;
  Result<CurrentWalKeys> reuse_hinted_keys();
  void write_hint(const RunKeys& keys);
  void cache(const crypto::DataKeyPtr& key);

  Settings settings_;
  Layout layout_;
  storage::ObjectStore& store_;
  std::vector<crypto::KeyWrapper*> wrappers_;
  RandomSource& random_;
  const Clock& clock_;
  Log& log_;
  std::mutex cache_mutex_;  // guards opened_
  std::map<crypto::KeyId, crypto::DataKeyPtr> opened_;
  std::mutex wal_mutex_;  // guards wal_keys_; held while a pair is made, so that threads share one
  std::optional<CurrentWalKeys> wal_keys_;
};

}  // namespace spendsync::repository
