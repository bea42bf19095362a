// postgresql.conf and pg_hba.conf for a data directory that has none: Debian keeps them in /etc/postgresql.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace spendsync::restore {

/// The text of a captured file by its absolute path at the source; empty when it was not captured.
using CapturedText = std::function<Result<std::optional<std::string>>(const std::string& path)>;
/// The captured files directly in a directory, absolute paths, sorted.
using CapturedNames = std::function<std::vector<std::string>(const std::string& directory)>;

struct CapturedConfiguration {
  CapturedText text;
  CapturedNames names;
};

/// A configuration file that a restored data directory gets. Value type.
struct ServerFile {
  std::string name;  // in the data directory
  std::string content;
  std::string origin;                // "the captured /etc/postgresql/15/main/postgresql.conf", "the backup's settings"
  std::vector<std::string> changes;  // what was left out of it, one line each
};

/// postgresql.conf from the captured one: includes are put in place, and what would lead back to the source host
/// (data_directory, hba_file, ident_file, external_pid_file, stats_temp_directory, files and directories that this
/// host does not have) is left out as a comment. `server_settings` is the manifest's.
/// Without a captured one: a minimal one from those settings.
Result<ServerFile> make_postgresql_conf(const std::map<std::string, std::string>& server_settings,
                                        const CapturedConfiguration& captured);
/// The same for pg_hba.conf; the minimal one admits local users under their own names (peer) and nobody else.
Result<ServerFile> make_pg_hba_conf(const std::map<std::string, std::string>& server_settings,
                                    const CapturedConfiguration& captured);
/// pg_ident.conf beside the captured pg_hba.conf; empty when there is none.
Result<std::optional<ServerFile>> make_pg_ident_conf(const std::map<std::string, std::string>& server_settings,
                                                     const CapturedConfiguration& captured);

}  // namespace spendsync::restore
