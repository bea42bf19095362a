// The keys of a job: from the configuration, or an escrow key that was brought for this once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/load.h"
#include "crypto/data_key.h"
#include "crypto/secret_file.h"
#include "jobs/context.h"

namespace spendsync::jobs {

/// Asks a person. Errors: refused where nobody can be asked; cancelled.
using AskPassphrase = std::function<Result<crypto::WipedBytes>(const std::string& prompt, std::stop_token stop)>;

/// An escrow key in place of the configured keys: its file, or the socket of the process that lends it. Neither: none.
struct BroughtKey {
  std::optional<std::string> file;             // a private key, PEM
  std::optional<std::string> passphrase_file;  // of `file`; else `ask` is asked
  std::optional<std::string> socket;           // of the restore that runs this program as restore_command
  AskPassphrase ask{};                         // empty: nobody can be asked
};

enum class KeyUse {
  reads,      // configured keys, or the escrow key in their place
  writes,     // configured keys, escrow keys among them; an escrow key that was brought is refused
  adds_wraps  // configured keys, and the escrow key that was brought beside them
};

struct OpenedKeys {
  std::vector<std::unique_ptr<crypto::KeyWrapper>> wrappers;
  crypto::KeyWrapper* brought = nullptr;  // one of `wrappers`
  bool passphrase_typed = false;          // nobody can be told it again
};

/// The one place that decides by a key's `type` what opens it.
/// Errors: those of crypto/key_file_wrapper.h, crypto/escrow_key.h and read_passphrase_file; exit code 2 for a type of
/// key that this version does not know; refused for an escrow key that should write.
Result<OpenedKeys> open_keys(const config::LoadedConfig& loaded, const BroughtKey& brought, KeyUse use,
                             const Context& context);

/// What stands in the file, without the line's end. Errors: as crypto::open_secret_file; refused when it is empty.
Result<crypto::WipedBytes> read_passphrase_file(const std::string& path);

/// A key of the configuration, for people: whether or not it can be used now.
struct ConfiguredKey {
  std::string type;        // "key-file", "escrow", "aws-kms"
  std::string place;       // its file, or the KMS key's name
  std::string algorithm;   // of an escrow key: "RSA 4096", "X25519"
  Result<std::string> id;  // of the wraps it makes; else why it cannot be read
  bool opens = false;      // false for escrow: its private half is elsewhere
};

/// Reads every key that `encryption.keys` names. Never fails as a whole.
std::vector<ConfiguredKey> examine_configured_keys(const config::Config& config, RandomSource& random,
                                                   const Clock& clock);

}  // namespace spendsync::jobs
