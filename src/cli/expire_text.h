// How expiry's plan and report read, for people and for --json.
#pragma once

#include "base/json.h"
#include "cli/output.h"
#include "retention/expiry.h"

namespace spendsync::cli {

struct PlanText {
  uint32_t segment_size = 0;  // bytes
  bool dry_run = false;       // "would expire" instead of "expires"
  bool with_kept = false;     // what stays and why, too
};
void print_plan(const Output& output, const retention::Plan& plan, const PlanText& text);
void print_report(const Output& output, const retention::ExpiryReport& report);

Json to_json(const retention::Plan& plan, uint32_t segment_size);
Json to_json(const retention::ExpiryReport& report);

}  // namespace spendsync::cli
