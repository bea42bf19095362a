// Options of every command; they may stand before or after the command's name and arguments.
#pragma once

#include <optional>
#include <string>

namespace spendsync::cli {

struct GlobalOptions {
  std::optional<std::string> config;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool no_color = false;
  std::optional<std::string> escrow_key;              // a private key's file, in place of the configured keys
  std::optional<std::string> escrow_passphrase_file;  // its passphrase; else asked on the terminal
  std::optional<std::string> escrow_key_socket;       // of the restore that runs this program as restore_command
};

}  // namespace spendsync::cli
