// The walk behind DataDirectory. Inside this folder only.
#pragma once

#include <optional>

#include "base/file.h"
#include "postgres/data_directory.h"

namespace spendsync::postgres {

/// Errors: os_error() is EINVAL for what is no link.
Result<std::string> read_link(const Fd& directory, const std::string& name);

/// The names in one directory, sorted by their bytes, in one block of memory: a million relation files cost 15 MB.
class NameList {
 public:
  static Result<NameList> read(const Fd& directory, const std::string& path);
  size_t size() const { return offsets_.size(); }
  std::string_view operator[](size_t index) const { return text_.data() + offsets_[index]; }

 private:
  std::string text_;  // each name with its NUL
  std::vector<uint32_t> offsets_;
};

/// One walk. The rules are those of backup/basebackup.c (sendDir, excludeDirContents, excludeFiles).
class DirectoryWalk {
 public:
  static Result<DirectoryWalk> create(const std::string& path, int major_version, std::vector<Tablespace> tablespaces,
                                      const DataDirectory::Visitor& visitor);
  Result<void> run();

 private:
  /// What a directory is, which decides the rules for its files.
  enum class Place {
    top,               // the data directory itself
    databases,         // base, pg_tblspc/<oid>/PG_...: holds one directory a database
    database,          // base/<oid>: relations, some of them temporary or unlogged
    tablespace_links,  // pg_tblspc
    other
  };
  struct Directory {
    Fd fd;
    std::string path;  // relative; empty for the data directory
    Place place = Place::other;
  };

  DirectoryWalk(Fd root, std::string root_path, std::string version_directory, std::vector<Tablespace> tablespaces,
                const DataDirectory::Visitor& visitor)
      : root_(std::move(root)),
        root_path_(std::move(root_path)),
        version_directory_(std::move(version_directory)),
        tablespaces_(std::move(tablespaces)),
        visitor_(visitor) {}

  Result<void> list_tablespace_locations();
  Result<void> walk_directory(const Directory& directory);
  Result<void> visit(const Directory& directory, std::string_view name);
  Result<void> visit_directory(const Directory& parent, const std::string& name, const struct stat& status);
  Result<void> visit_link(const Directory& parent, const std::string& name);
  Result<void> visit_tablespace(const Directory& links, const std::string& name, const struct stat& status);
  Result<void> walk_tablespace(const Directory& tablespace);
  Result<void> missing_location(const Directory& links, const std::string& name);
  Result<void> emit_file(std::string path, const struct stat& status);
  Result<void> emit_directory(std::string path, const struct stat& status);
  Result<void> emit_empty_wal_directories();
  const struct stat& directory_status(const struct stat& status) const;
  void skip(const std::string& path, const std::string& why);
  bool is_tablespace_location(const struct stat& status) const;

  Fd root_;
  std::string root_path_;
  std::string version_directory_;  // "PG_15_202209061"
  std::vector<Tablespace> tablespaces_;
  std::vector<std::pair<dev_t, ino_t>> tablespace_locations_;
  const DataDirectory::Visitor& visitor_;
  int major_version_ = 0;
  struct stat root_status_ {};
};

}  // namespace spendsync::postgres
