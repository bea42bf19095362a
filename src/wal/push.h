// What the server's archive_command hands over (`wal push %p`): postgres-rules A1 to A8.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repository/repository.h"
#include "repository/wal_archive.h"

namespace spendsync::wal {

struct PushRequest {
  std::string path;         // as %p gives it: relative to the working directory, which is the data directory
  std::string file_name;    // empty: the last component of `path`
  bool change_map = false;  // is to be stored with a segment
};

struct PushOutcome {
  WalFileKind kind = WalFileKind::unknown;
  std::string file_name;
  repository::PutOutcome outcome = repository::PutOutcome::stored;  // already_identical is success as well (A2)
  uint64_t bytes = 0;
};

/// Checks the file against the repository's cluster before anything is stored (A5, A6), stores it under its own name
/// (A4), and returns success only when it is durable there (A1).
///
///  segment   Every page's header must be right (version, system identifier, timeline, address), and its records must
///            hold together from the first that begins in it to its end: damaged WAL is refused, so that the server
///            keeps its copy. One that the server has not finished is refused as that (is_being_written).
///  .history  Must parse, and its fork must be acceptable (below).
///  .partial  The first page must be right; the rest is whatever the segment held.
///  .backup   Must name the segment that its own name names.
///
/// Timelines (A7, A8). A file of timeline n > 1 is accepted when the repository has n's history file; when it has
/// none, the one beside the pushed file (<n>.history, in pg_wal) is pushed first. A *new* history file is accepted
/// unless the repository holds whole segments of the parent timeline at or after the switch point: such a server has
/// forked off before WAL that is archived, as a restored copy does that was left with archive_mode on. A server that
/// was restored to an earlier moment on purpose, or promoted without the last segments, is accepted once by `backup
/// full` or `backup transaction_logs` run against it, which stores the history file. A segment that lies before its
/// timeline's switch point is refused.
///
/// Errors: refused or corrupt as above; invalid for a name that PostgreSQL does not archive; conflict when the
/// repository has other content under that name, which is never overwritten (A2); not_found when the file is not
/// there; those of the store. Thread-safe.
Result<PushOutcome> push_wal_file(repository::WalArchive& archive, const repository::ClusterIdentity& identity,
                                  const PushRequest& request);

/// Which cluster a file is from, so that the right folder of the repository can be opened: a segment or .partial file
/// says it itself. Empty for the others. Errors: as read_segment_header; those of the file.
Result<std::optional<SystemIdentifier>> identify_wal_file(const PushRequest& request);

/// 1 to 125, whatever went wrong: above it, or by a signal, the archiver process would end (A3).
int push_exit_code(const Error& error);

}  // namespace spendsync::wal
