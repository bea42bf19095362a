// A recovered moment of a cluster as a data directory, a tar or a dump.
#pragma once

#include "jobs/restore_steps.h"
#include "restore/export_streams.h"

namespace spendsync::jobs {

struct ExportRequest {
  RestoreSelection selection{};  // what is exported, and at which moment
  enum class Format { directory, tar, sql, custom } format = Format::directory;
  std::string output{};                         // a file, or with `directory` a data directory; empty: `stream`
  int stream = -1;                              // a descriptor that is written to
  restore::LogicalExport dump{};                // with sql and custom
  std::optional<std::string> work_directory{};  // where the copy is recovered; empty: restore.target_directory

  bool is_dump() const { return format == Format::sql || format == Format::custom; }
};

/// Restored as a data directory of its own. Needs a wiring that restores. Errors: those of restore/restore.h.
Result<restore::RestoreReport> export_directory(Wiring& wiring, const ExportRequest& request, Progress& progress);

struct ExportReport {
  restore::RestoreReport restored;    // of the copy that was exported
  std::vector<std::string> warnings;  // of what wrote the dump
  std::string bin_directory;          // of the PostgreSQL that did
  uint64_t bytes = 0;                 // of the file; 0 for a stream
  std::chrono::nanoseconds duration{};
};

/// A tar or a dump, by a server in a sandbox that is gone when this returns. A file has its name once it is whole.
/// Needs a wiring that restores. Errors: those of the sandbox, of the output, and of PostgreSQL's programs.
Result<ExportReport> export_stream(Wiring& wiring, const ExportRequest& request, Progress& progress);

}  // namespace spendsync::jobs
