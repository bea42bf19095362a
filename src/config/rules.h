// What must hold between several keys, and what is allowed but unwise.
#pragma once

#include "config/config.h"
#include "config/value.h"

namespace spendsync::config {

/// Defaults that follow from other keys (slot, dr_tests.work_directory, dr_tests.runbook).
/// Error: a cluster's name from which no slot name can be made.
void derive_defaults(Value& root, Findings& findings);

/// Errors and warnings about keys that are each valid by themselves. Requires: no errors so far.
void check_rules(const Config& config, const Value& root, Findings& findings);

}  // namespace spendsync::config
