// How a restore that came to its end is known again: it may have been killed before it could say so.
#pragma once

#include "restore/plan.h"

namespace spendsync::restore {

/// Remembers in the recovered data directory that `plan` was done, and the checkpoint that it ended with. Durable.
Result<void> remember_finished(const RestorePlan& plan);

/// Whether `plan.paths.data` is the whole result of this very plan, opened by no server since. False when that cannot
/// be told, or for captured files alone.
bool is_finished(const RestorePlan& plan);

}  // namespace spendsync::restore
