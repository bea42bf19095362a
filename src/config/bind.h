// The checked tree as plain structs.
#pragma once

#include "config/config.h"
#include "config/value.h"

namespace spendsync::config {

/// Requires: a tree without errors and with derived defaults. What the table promises and the tree lacks is our
/// mistake and aborts.
Config bind(const Value& root);

}  // namespace spendsync::config
