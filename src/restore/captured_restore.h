// Captured files (configuration, keys, certificates) below <target>.files/<set>/, with owner, mode and times.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "repository/manifest.h"
#include "restore/beneath_tree.h"
#include "restore/content_writers.h"

namespace spendsync::restore {

struct CapturedStats {
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t other_owner = 0;   // entries whose owner could not be set
  uint64_t special_bits = 0;  // entries whose set-id or sticky bits could not be set
  uint64_t attributes_lost = 0;
  std::string first_other_owner;  // "etc/ssl/x (root:ssl-cert)"
};

/// Never replaces anything: all of it goes to a new directory. add() from one thread; what it hands to the writers
/// comes back on theirs.
class CapturedRestore {
 public:
  /// `directory` is <target>.files, which exists. Makes a directory a set.
  static Result<std::unique_ptr<CapturedRestore>> open(const std::string& directory,
                                                       const repository::ManifestSummary& summary);
  /// Errors: corrupt for entries that are refused (placement.h, beneath_tree.h).
  Result<void> add(const repository::FileEntry& entry, ContentWriters& writers);
  /// When the writers have finished: links, then owner, mode and times of directories, deepest first; synced.
  Result<CapturedStats> finish();

 private:
  CapturedRestore() = default;
  struct Set {
    std::string name;
    BeneathTree tree;
  };
  struct Later {  // links and directories wait until the files are there. Without content
    uint32_t set = 0;
    repository::FileEntry entry;
  };
  Result<void> apply(int fd, const repository::FileEntry& entry);
  void set_special_bits(int fd, const repository::FileEntry& entry, bool is_owner_right);
  Result<void> finish_link(const Set& set, const repository::FileEntry& entry);
  Result<void> finish_directory(const Set& set, const repository::FileEntry& entry);
  bool change_owner(int fd, const repository::FileEntry& entry);

  std::map<uint32_t, Set> sets_;
  std::vector<Later> links_;
  std::vector<Later> hard_links_;
  std::vector<Later> directories_;
  std::mutex mutex_;  // guards stats_ and owners
  CapturedStats stats_;
  std::map<std::string, uid_t> users_;
  std::map<std::string, gid_t> groups_;
};

}  // namespace spendsync::restore
