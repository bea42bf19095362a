// The file's tree against the table.
#pragma once

#include "config/document.h"
#include "config/value.h"

namespace spendsync::config {

/// Every key judged by itself: known, once, of its type, within its limits; defaults filled in. The result is
/// complete only where `findings` has no error.
Value check_document(const Node& document, const SourceText& source, Findings& findings);

}  // namespace spendsync::config
