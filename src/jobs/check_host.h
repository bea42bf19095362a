// The parts of `check` that look at files, keys and the store of this host. They change nothing.
#pragma once

#include "backup/captured_files.h"
#include "health/check_report.h"
#include "jobs/wiring.h"
#include "repository/log_record.h"

namespace spendsync::jobs {

/// Item data_directory: readable by us, and the server's own.
health::CheckItem check_data_directory(const postgres::ServerInfo& server);

/// Item files.captured: every configured path is there and each file in it can be opened.
health::CheckItem check_captured_files(const backup::CapturedFiles::Settings& settings, std::stop_token stop);

/// Item repository.writable: takes bytes and throws them away before they get a name.
health::CheckItem check_writable(storage::ObjectStore& store, RandomSource& random);

/// Item keys.newest: each wrapper that can open opens each of these keys by a wrap of its own.
health::CheckItem check_newest_keys(repository::Repository& repository, const std::vector<repository::KeyRecord>& keys);

/// The free bytes of the nearest directory at or above `path` that exists; empty when we may not write there. Where
/// `path` is missing and `as_root`, the right to write is taken for granted: a command started by root makes it.
std::optional<uint64_t> writable_free_bytes(const std::string& path, bool as_root);

}  // namespace spendsync::jobs
