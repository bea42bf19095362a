// From backup-config.yml to a Config, with every finding told at once.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "config/config.h"
#include "config/diagnostics.h"

namespace spendsync::config {

struct Value;  // config/value.h: the checked tree behind a Config

/// A configuration without errors. Cheap to copy apart from `config`.
struct LoadedConfig {
  Config config;
  std::string file;
  std::vector<Diagnostic> warnings;
  std::shared_ptr<const Value> values;

  /// Where a value comes from: "backup-config.yml:31:5", or "default". `path` as in messages:
  /// "storage.primary.path", "encryption.keys[1].path". A path that is not set is "default".
  std::string where(std::string_view path) const;
};

/// Every error and warning in the order of the file, and the configuration where there is no error.
struct Inspection {
  std::vector<Diagnostic> diagnostics;
  std::optional<LoadedConfig> loaded;
};

inline constexpr size_t kMaximumConfigBytes = 1u << 20;
inline constexpr int kMaximumConfigDepth = 16;

/// Parses text. Secret files that it names are looked at where they exist (see inspect_file).
/// `file` is only used in messages. Thread-safe. Rules for the text: UTF-8, at most 1 MiB; a byte-order mark at its
/// beginning is skipped; lines end in LF or CRLF, a carriage return elsewhere is refused.
Inspection inspect(std::string_view text, std::string_view file);

/// Reads and parses a file. Errors, all with exit code 2: not_found, denied; refused when the file (looked at through
/// the open descriptor) is no regular file, is owned by another user than root and the running one, or can be written
/// by group or world. What is wrong inside the file is in the Inspection.
///
/// Files with secrets (key-file, *_file keys, signing_key) must, where they exist, be regular, of mode 0600 or 0400
/// and owned by root or the running user; for root also by the user that it would drop to (the owner of
/// database.data_directory, else `postgres`). Certificates and public keys must not be writable by others.
Result<Inspection> inspect_file(const std::string& path);

/// inspect and inspect_file for callers that need a configuration or one error: of kind invalid, its message the
/// first finding ("file:line:column: ..."), its hint the suggestion or how many more there are.
Result<LoadedConfig> parse(std::string_view text, std::string_view file);
Result<LoadedConfig> load(const std::string& path);

/// The effective configuration as YAML that this program accepts again, each value followed by its origin.
std::string show_yaml(const LoadedConfig& loaded);
/// {"file": ..., "config": {...}, "origins": {"<path>": "file:line" | "default"}}
Json show_json(const LoadedConfig& loaded);

}  // namespace spendsync::config
