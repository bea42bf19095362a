// What one WAL record changes in the data directory.
#pragma once

#include "postgres/wal/change_set.h"
#include "postgres/wal/record.h"

namespace spendsync::postgres {

/// Adds what `record` changes to `changes`. The rules are those by which the server itself summarizes WAL since 17
/// (postmaster/walsummarizer.c), with less trust in lengths: a truncated relation counts as made anew.
///  - every block reference of a main fork, whatever the resource manager; other forks are not told, they are
///    compared whole (visibility map and free space map change without WAL)
///  - storage records (catalog/storage_xlog.h): a created or truncated main fork makes the relation anew
///  - database records (commands/dbcommands_xlog.h): copied and dropped databases, in each tablespace
///  - dropped tablespaces (commands/tablespace.h)
///  - relations that a commit or abort drops (access/xact.h)
///  - wal_level minimal (parameter changes; 17+ also redo points) makes the set incomplete, and so does a record of
///    those resource managers that is not known
/// `scratch` is for its memory. Errors: corrupt when a record with a right CRC does not hold what it must.
Result<void> add_changes(const WalRecord& record, int major_version, WalRecordContents& scratch, WalChangeSet& changes);

}  // namespace spendsync::postgres
