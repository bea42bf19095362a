// Backups that do not expire until somebody lets them.
#pragma once

#include "jobs/wiring.h"
#include "repository/label.h"

namespace spendsync::jobs {

/// Of the present server or one before it. Both need a wiring that writes. Errors: not_found with condition
/// no_such_backup; those of repository/marks.h.
Result<void> pin_backup(Wiring& wiring, const repository::Label& label, const std::string& reason);
/// Returns how many pins it had.
Result<size_t> unpin_backup(Wiring& wiring, const repository::Label& label);

}  // namespace spendsync::jobs
