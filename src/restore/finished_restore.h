// How a restore that came to its end is known again: it may have been killed before it could say so.
#pragma once

#include "restore/plan.h"

namespace spendsync::restore {

/// Remembers in the recovered data directory that `plan` was done, how much lies there, and the checkpoint that
/// recovery ended with. Durable.
Result<void> remember_finished(const RestorePlan& plan);

/// Whether `plan.paths` is the whole result of this very plan, opened by no server since: nothing that was restored is
/// gone, tablespaces and captured files included. False when that cannot be told, or for captured files alone.
bool is_finished(const RestorePlan& plan);

}  // namespace spendsync::restore
