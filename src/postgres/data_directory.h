// What a data directory holds that belongs into a physical backup (backup/basebackup.c; postgres-rules B7 to B13).
#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.h"

namespace spendsync::postgres {

enum class EntryKind { directory, file, symbolic_link };

/// What PostgreSQL uses a file for: decides checksums, page hashes and how it may be split.
enum class FileRole {
  relation_main,   // main fork of a relation, pages
  relation_other,  // _fsm, _vm, _init: pages, always taken whole
  other            // pg_control, SLRUs, maps, configuration ...: never by page (B13)
};

struct DirectoryEntry {
  std::string path;  // relative to the data directory; tablespace files as pg_tblspc/<oid>/PG_.../...
  EntryKind kind = EntryKind::file;
  FileRole role = FileRole::other;
  uint32_t segment = 0;  // n of "<relfilenode>.n"
  struct stat status {};
  std::string link_target;
};

struct Tablespace {
  uint32_t oid = 0;
  std::string location;  // what pg_tblspc/<oid> points to; empty for an in-place one
};

/// Walks in a fixed order (names by their bytes), so that memory stays bounded by the names of the largest directory:
/// about 15 bytes a relation file. Paths are the bytes of the names, whatever they are.
/// Emits directories before their content; those to be kept empty (B7) without content; leaves out what B8, B9
/// (unlogged relations: every fork but _init where an init fork exists), B10 say, and `global/pg_control`, which
/// the caller takes last. Files that vanish while walking are skipped (B11). pg_wal and log links: emitted as
/// plain directories. Special files (sockets, FIFOs, devices), links to elsewhere and what does not belong into
/// pg_tblspc: `on_skipped`, never opened. Only lstat is used on files: nothing but directories is opened.
class DataDirectory {
 public:
  /// Errors: refused unless it holds PG_VERSION and global/pg_control and has mode 0700 or 0750 (B16); unsupported for
  /// other versions than 13 to 18.
  static Result<DataDirectory> open(const std::string& path);
  const std::string& path() const { return path_; }
  int major_version() const { return major_version_; }
  bool group_access() const { return group_access_; }
  Result<std::vector<Tablespace>> tablespaces() const;

  struct Visitor {
    std::function<Result<void>(const DirectoryEntry&)> on_entry;
    std::function<void(const std::string& path, const std::string& why)> on_skipped;
  };
  /// Errors: the visitor's; refused when a directory that PostgreSQL needs is a link to elsewhere, which no physical
  /// backup can follow; not_found when a tablespace's location is missing; else as Error::from_errno.
  Result<void> walk(const Visitor& visitor) const;

 private:
  DataDirectory(std::string path, int major_version, bool group_access)
      : path_(std::move(path)), major_version_(major_version), group_access_(group_access) {}
  std::string path_;
  int major_version_;
  bool group_access_;
};

/// The role of a file by its name and place ("base/5/16384.1", "global/1262_fsm").
struct RelationFile {
  FileRole role = FileRole::other;
  uint32_t segment = 0;
};
RelationFile classify_relation_file(std::string_view relative_path);

}  // namespace spendsync::postgres
