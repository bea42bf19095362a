// What verify found, kept beside what it looked at (docs/format/repository.md, "Verdicts").
#pragma once

#include <map>
#include <string>
#include <vector>

#include "repository/repository.h"
#include "repository/verify_objects.h"

namespace spendsync::repository {

/// Of one backup or log record.
struct Verdict {
  bool good = false;
  Timestamp verified;  // when that verify had ended
  std::string host;
  std::string object;  // the first one that is damaged or missing; empty when good
  std::string what;    // in one line; empty when good
};
using Verdicts = std::map<Label, Verdict>;

/// What a report says of the labels that were looked at: one is damaged when anything was found, in its own objects or
/// in those of another that was looked at with it. Backups whose objects were found damaged though nobody had asked
/// for them (the full of an incremental) are in it as well.
Verdicts judge(const Layout& layout, const std::vector<std::pair<Label, VerifyReport>>& reports, Timestamp verified,
               const std::string& host);

/// One small object a verify. Errors: those of the store and the keys; `denied` where this role may not.
Result<void> put_verdicts(Repository& repository, const Verdicts& verdicts);

/// Of each label the newest that can be read. Errors: those of the listing; cancelled.
Result<Verdicts> read_verdicts(Repository& repository, std::stop_token stop);

/// Why the backup is not to be relied on: its own newest verdict, or that of the full that it refers to. Empty: nothing
/// speaks against it.
std::optional<std::string> why_damaged(const Verdicts& verdicts, const Label& label,
                                       const std::optional<Label>& parent);

}  // namespace spendsync::repository
