// A recovered copy written as one stream: by pg_dump and pg_dumpall, or as a tar of its data directory.
#pragma once

#include "restore/recovered_cluster.h"

namespace spendsync::restore {

struct LogicalExport {
  std::string database;              // empty: everything, roles and tablespaces too (pg_dumpall)
  std::vector<std::string> tables;   // patterns of pg_dump; empty: all
  std::vector<std::string> schemas;  // the same
  bool custom_format = false;        // for pg_restore; else SQL
  bool schema_only = false;
  bool data_only = false;
};

/// Errors: refused, with the package to install, when the installation lacks the program that writes it. For before
/// the recovery.
Result<void> check_dump_program(const std::string& bin_directory, int major, const LogicalExport& what);

/// Writes to the descriptor `output`, from its position on. Returns what the program warned of. Requires: started.
/// Errors: not_found for a database, table or schema that the copy does not have (hint: the nearest names); exhausted
/// for a full disk; internal with what the program said; cancelled.
Result<std::vector<std::string>> write_dump(const RecoveredCluster& cluster, const LogicalExport& what, int output,
                                            std::stop_token stop);

/// GNU tar's: data/, and data-tablespaces/<oid>/ to which relative links in data/pg_tblspc lead. Changes these links.
/// Requires: not started. Errors: as write_dump's.
Result<std::vector<std::string>> write_tar(const RecoveredCluster& cluster, int output, std::stop_token stop);

}  // namespace spendsync::restore
