// What the files of the table share. Included by table*.cc alone.
#pragma once

#include <vector>

#include "config/table.h"

namespace spendsync::config::table {

inline constexpr auto kRequired = Presence::required;
inline constexpr auto kDefaulted = Presence::defaulted;
inline constexpr auto kOptional = Presence::optional;

/// What these point at must outlive them: it lives in static storage.
Type list_type(const Type& element, size_t fewest, bool unique);
Type section_type(const Section& fields);
Type variant_type(std::vector<const Section*> variants);

/// Every type below the sections, by name.
struct Scalars {
  // names and texts
  Type cluster, folder, slot, account, bucket, region, prefix, arn, kms_key, profile, line, any_line;
  // files and other forms
  Type path, secret, trusted, boolean, cron, zone, address, email, connection, endpoint, http, smtp;
  // numbers with their limits
  Type version, level, workers, cpus, percent, bare_percent, retention, lock, flush, timeout, objective, size, rate,
      throughput;
  // choices
  Type acknowledge, find_changes, codec, storage_class, outcome, job;
  // lists
  Type paths, scenarios, outcomes, jobs, emails, command, full_command;
};
const Scalars& scalars();

Section storage_section();
Section encryption_section();

}  // namespace spendsync::config::table
