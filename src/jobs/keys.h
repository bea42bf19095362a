// Which keys open the repository, and letting more of them in.
#pragma once

#include <map>

#include "jobs/wiring.h"
#include "repository/key_inventory.h"

namespace spendsync::jobs {

/// One key-encrypting key: what it can do for the data keys.
struct WrappingKey {
  std::string place;      // its file; empty: not configured
  std::string algorithm;  // of an escrow key
  std::string problem;    // why a configured key cannot be read
  bool configured = false;
  bool opens_here = false;  // it was asked, and did
  size_t keys = 0;          // data keys that have a wrap of it
};

struct KeyOverview {
  size_t keys = 0;
  std::map<repository::WrapperName, WrappingKey> openers;
  std::vector<std::string> unreadable;  // configured keys that cannot be read
  std::vector<std::string> damaged;
  size_t closed = 0;  // data keys that nothing here opens
};

/// A data key and what each of its wraps said when it was tried.
struct KeyRow {
  const repository::KeyEntry* key = nullptr;
  std::vector<std::string> opens;  // one a wrap
  bool opens_here() const { return std::ranges::find(opens, "yes") != opens.end(); }
};

struct KeyList {
  KeyOverview overview;
  std::vector<repository::KeyEntry> keys;  // of the present server and those before it
  std::vector<KeyRow> rows;                // into `keys`, one each
};
/// Tries every wrap with the keys that are open. Errors: those of the store.
Result<KeyList> list_keys(Wiring& wiring);

/// Every configured key gets its wrap of every data key; `retire`: a wrapper's id whose wraps are retired.
/// Needs a wiring that adds wraps. Errors: not_found where no data key has a wrap of `retire`; those of rewrap_keys.
Result<repository::RewrapReport> rewrap_keys(Wiring& wiring, const std::optional<std::string>& retire);

}  // namespace spendsync::jobs
