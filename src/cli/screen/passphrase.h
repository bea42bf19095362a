// Passphrases typed on the terminal without being shown.
#pragma once

#include <stop_token>
#include <string>

#include "crypto/secret_file.h"

namespace spendsync::cli {

/// Asks on the process's terminal, whatever standard input and output are. The echo is on again when it returns.
/// Errors: refused without a terminal; cancelled by `stop` or an empty line.
Result<crypto::WipedBytes> ask_passphrase(const std::string& prompt, std::stop_token stop);

}  // namespace spendsync::cli
