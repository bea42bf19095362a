// The checks that a restore is proved by. Inside this folder only.
#pragma once

#include <set>

#include "restore/restore_proof.h"

namespace spendsync::restore {

/// What the backup recorded of damaged pages in the source.
class SourceDamage {
 public:
  explicit SourceDamage(const repository::ManifestSummary& backup) : files_(backup.page_failure_files) {}
  /// `file` as in the data directory: "base/5/16384.1".
  bool has_page(const std::string& file, uint32_t block) const;
  /// Some page of the relation with this first file.
  bool has_relation(const std::string& file) const;
  /// A message of the server that names such a file.
  bool is_told_in(const std::string& message) const;

 private:
  std::vector<repository::PageFailures> files_;
};

struct FailedPage {
  std::string file;  // "base/5/16384.1"
  uint32_t block = 0;
};
struct ChecksumResult {
  std::optional<uint64_t> pages;  // empty: it did not come to its end
  uint64_t failed = 0;
  std::vector<FailedPage> first;  // ProofCheck::kFindingsKept at most
  std::string last_line;
};
/// What `pg_checksums --check` has written, stdout and stderr together.
ChecksumResult parse_checksum_output(std::istream& output, const std::string& data_directory);

struct AmcheckResult {
  uint64_t relations = 0;
  std::string last_line;
  ProofCheck check;  // with its findings
};
/// What `pg_amcheck --progress` has written, stdout and stderr together.
AmcheckResult parse_amcheck_output(std::istream& output, const SourceDamage& source);
/// The check by its output and its exit status (pg_amcheck.c: 0, or 2 for corruption; else it did not come to its end).
/// A status that says corruption is a finding even where no line of the output was understood.
ProofCheck judge_amcheck(AmcheckResult result, int exit_status, const SourceDamage& source);

Result<ChecksumResult> run_pg_checksums(const RecoveredCluster& cluster, std::stop_token stop);
/// The failed pages' relations by name. Requires: started.
Result<void> name_failed_pages(const RecoveredCluster& cluster, const ChecksumResult& result,
                               const SourceDamage& source, ProofCheck& check, std::stop_token stop);
/// Requires: started.
Result<ProofCheck> run_pg_amcheck(const RecoveredCluster& cluster, const SourceDamage& source, unsigned jobs,
                                  std::stop_token stop);
/// Opens every database that takes connections; the file of each relation must be there, with all parts before its
/// last one. Names in `why` the databases that take no connections. Requires: started.
Result<ProofCheck> check_relation_files(const RecoveredCluster& cluster, std::stop_token stop);
/// Of the names in one directory: the first missing part of each of `files` (first parts, without fork) and its forks
/// of which a later part is there.
std::vector<std::string> missing_segments(const std::vector<std::string>& names, const std::set<std::string>& files);
Result<ProofCheck> check_visibility_maps(const RecoveredCluster& cluster, const SourceDamage& source,
                                         std::stop_token stop);

}  // namespace spendsync::restore
