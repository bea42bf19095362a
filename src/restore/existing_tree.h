// A directory that is brought to a backup's content by rewriting what differs: what stays, what is in the way, what
// goes.
#pragma once

#include <functional>
#include <optional>
#include <set>

#include "restore/beneath_tree.h"

namespace spendsync::restore {

/// One directory tree that a restore takes over. What the backup has is remembered by inode (about 50 bytes an entry),
/// and remove_rest() removes all else. One thread.
class ExistingTree {
 public:
  /// `tree` outlives it. `is_ours` tells by their names which entries directly below its root belong to the restore:
  /// the others are never looked into nor removed (a tablespace's directory may serve another major version as well).
  using IsOurs = std::function<bool(const std::string& name)>;
  ExistingTree(const BeneathTree& tree, IsOurs is_ours) : tree_(tree), is_ours_(std::move(is_ours)) {}

  /// Removes what a restore never writes through: links, files with further names (their other name may be another
  /// cluster's: pg_upgrade --link, cp -al), special files, and what belongs to other users.
  Result<void> remove_foreign() const;

  /// A directory that is there is kept, with `mode`; anything else of that name is removed first.
  /// Errors: corrupt when the backup named the path as something else already.
  Result<void> make_directory(const std::string& relative, mode_t mode);
  struct File {
    Fd fd;               // for reading and writing
    bool found = false;  // it was there, with whatever content
  };
  /// The same of a file. Errors: corrupt when the backup named it before.
  Result<File> open_file(const std::string& relative, BeneathTree::Modes modes);
  /// Keeps something that is there and that the backup does not name. Missing is success.
  Result<void> keep(const std::string& relative);

  /// Removes everything that was not made, opened or kept. Returns how many entries went.
  Result<uint64_t> remove_rest() const;

 private:
  using Identity = std::pair<dev_t, ino_t>;
  std::string path_of(const std::string& relative) const { return tree_.path() + "/" + relative; }
  Result<std::vector<std::string>> names_in(const std::string& relative) const;
  Result<void> remove_foreign_below(const std::string& relative) const;
  Result<void> remove_rest_below(const std::string& relative, uint64_t& removed) const;
  Result<void> clear_the_way(const std::string& relative, mode_t wanted);

  const BeneathTree& tree_;
  IsOurs is_ours_;
  std::set<Identity> kept_;
  std::string last_directory_;  // made or kept last: files come by directory
};

}  // namespace spendsync::restore
