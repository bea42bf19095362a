// Reads the facts: one listing of the cluster's folder, the summaries of backups and logs, history files, marks.
#pragma once

#include <stop_token>

#include "repository/repository.h"
#include "retention/facts.h"

namespace spendsync::retention {

/// Changes nothing. Memory: about 24 bytes a segment, 4 KiB a backup.
/// Errors: those of listings (a listing that ends in an error is no short listing) and of the store; cancelled. What
/// is wrong with a single object is in the facts.
Result<Facts> read_facts(repository::Repository& repository, std::stop_token stop);

}  // namespace spendsync::retention
