// What `init` decides before it writes anything, and the configuration that says so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace spendsync::cli {

struct InitChoices {
  std::string name{};                              // `cluster` of the configuration
  std::string data_directory{};                    // absolute
  std::string connection{};                        // libpq keywords
  std::string repository{};                        // absolute path of the directory store
  std::string key_file{};                          // absolute
  std::string base_directory{};                    // holds state/ and restore/
  std::vector<std::string> configuration_paths{};  // captured beside the database; only what exists
};

/// A name that `cluster` takes, from what people call theirs: "Main DB" -> "main-db".
std::string cluster_name_from(const std::string& text);

/// host, port, user and dbname as a libpq keyword string, values quoted where they must be.
struct SocketAddress {
  std::string directory{};
  int port = 5432;
  std::string user{};
};
std::string connection_string_of(const SocketAddress& address);

/// Port and socket directory of the server that runs in a data directory (utils/pidfile.h, lines 4 and 5).
/// Errors: not_found when there is no postmaster.pid; corrupt when it does not say.
Result<SocketAddress> address_of_running_server(const std::string& data_directory);

/// A commented configuration that `config validate` accepts and that holds these choices.
std::string render_configuration(const InitChoices& choices);

}  // namespace spendsync::cli
