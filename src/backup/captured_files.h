// The files beside the database that a full backup holds: configuration, API keys, certificates.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "repository/file_table.h"

namespace spendsync::backup {

/// What is captured under one name (configuration: `files`).
struct FileSet {
  std::string name;
  std::vector<std::string> paths;  // absolute, without a trailing slash; directories with all below them, or files
};

/// A file or directory of the tool's own that is never captured: key file, state directory, repository ...
struct LeftOutPath {
  std::string path;
  std::string why;  // "the repository's own key"
};

struct CapturedEntry {
  enum class Kind { directory, file, symbolic_link, hard_link } kind = Kind::file;
  size_t set = 0;    // index into Settings::sets
  size_t root = 0;   // for CapturedFiles::open_file
  std::string path;  // absolute, any bytes but NUL
  struct stat status {};
  std::string target;  // symbolic_link: its text; hard_link: `path` of the entry that holds the content
};

/// Walks the sets. Where sets overlap the more specific path owns the file: what is named by a path of its own is
/// left out of every other. Symbolic links are kept as links; a *configured* path that is one is kept as a link and
/// what it points to is captured as well, under its own path. Sockets, FIFOs and devices are never opened.
/// Memory is bounded by the largest directory and by kHardLinksMax. Reads under PrivilegedReads
/// (base/process_identity.h). Members are thread-safe once open() has returned.
class CapturedFiles {
 public:
  static constexpr size_t kHardLinksMax = 65536;  // inodes remembered; beyond, further names are stored as files
  static constexpr size_t kPathMax = 4000;        // bytes of a path below its root

  struct Settings {
    std::vector<FileSet> sets;
    std::vector<LeftOutPath> left_out;
  };
  /// Resolves the configured paths. Those that are missing or cannot be reached are listed in unreachable().
  /// Errors: invalid for a path that is not absolute or is "/".
  static Result<CapturedFiles> open(Settings settings);
  CapturedFiles(CapturedFiles&&) noexcept = default;
  CapturedFiles& operator=(CapturedFiles&&) noexcept = default;

  struct Problem {
    std::string path;
    std::string why;
  };
  const std::vector<Problem>& unreachable() const { return unreachable_; }

  /// Told about what is not captured. Each may be empty.
  struct Notices {
    std::function<void(const Problem&)> on_unreadable;  // asked for, but it cannot be read
    std::function<void(const Problem&)> on_skipped;     // special files, left-out paths, paths named twice
  };
  using Visit = std::function<Result<void>(const CapturedEntry&)>;
  /// In order of sets, then their paths, then names; a directory before its content. What vanishes meanwhile is
  /// left out silently. Errors: cancelled, or what `visit` returns.
  Result<void> walk(const Visit& visit, const Notices& notices, std::stop_token stop) const;

  /// Opens a regular file of a walk for reading: never through a link, never outside its root, never blocking on
  /// what has become a FIFO meanwhile. Errors: not_found when it is gone, denied, or refused when it is no regular
  /// file any more.
  Result<Fd> open_file(const CapturedEntry& entry) const;

  /// Extended attributes of a file or directory that belong to it wherever it lies: access control lists, file
  /// capabilities and users' own. None for links, and where the file system has none. Errors: not_found, denied ...
  using Attribute = repository::FileEntry::Attribute;
  Result<std::vector<Attribute>> attributes(const CapturedEntry& entry) const;

 private:
  struct Root {
    size_t set = 0;
    std::string path;
    Fd parent;         // O_PATH: the directory that holds it
    std::string name;  // its name there
  };
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    auto operator<=>(const Identity&) const = default;
  };
  struct LeftOut {
    LeftOutPath what;
    Identity identity;
    bool present = false;
  };
  class Walk;

  CapturedFiles() = default;
  void add_root(size_t set, const std::string& path, int links_followed);
  bool is_root(const std::string& path) const;
  std::string below_root(const CapturedEntry& entry) const;
  const LeftOutPath* left_out(const std::string& path, const struct stat& status) const;

  std::vector<Root> roots_;
  std::vector<LeftOut> left_out_;
  std::vector<Problem> unreachable_;
  std::vector<Problem> named_twice_;
};

/// Names of users and groups by number, asked of the system once each. Empty for numbers without a name.
/// One thread at a time.
class OwnerNames {
 public:
  std::string user(uid_t uid);
  std::string group(gid_t gid);

 private:
  std::vector<std::pair<uid_t, std::string>> users_;
  std::vector<std::pair<gid_t, std::string>> groups_;
};

}  // namespace spendsync::backup
