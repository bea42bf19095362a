// Keys: which open what, and what a rewrap did, as tables and as JSON.
#pragma once

#include "cli/screen/output.h"
#include "jobs/keys.h"

namespace spendsync::cli {

void print(const Output& output, const jobs::KeyList& list);
Json to_json(const jobs::KeyList& list);

void print(const Output& output, const repository::RewrapReport& report);
Json to_json(const repository::RewrapReport& report);

}  // namespace spendsync::cli
