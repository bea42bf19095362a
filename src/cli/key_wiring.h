// The keys of a command: from the configuration, or an escrow key that was brought for this once.
#pragma once

#include <memory>
#include <vector>

#include "cli/command_line.h"
#include "config/load.h"
#include "crypto/data_key.h"

namespace spendsync::cli {

enum class KeyUse {
  reads,      // configured keys, or the escrow key in their place
  writes,     // configured keys, escrow keys among them; an escrow key that was brought is refused
  adds_wraps  // configured keys, and the escrow key that was brought beside them
};

struct OpenedKeys {
  std::vector<std::unique_ptr<crypto::KeyWrapper>> wrappers;
  crypto::KeyWrapper* brought = nullptr;  // of --escrow-key, one of `wrappers`
  bool passphrase_typed = false;          // on the terminal: nobody can be told it again
};

/// Reads key files; asks for the passphrase of an escrow key on the terminal unless a file holds it.
/// Errors: those of crypto/key_file_wrapper.h, crypto/escrow_key.h and cli/passphrase.h; exit code 2 for a type of key
/// that this version does not know; refused for an escrow key that should write.
Result<OpenedKeys> open_keys(const config::LoadedConfig& loaded, const GlobalOptions& global, KeyUse use,
                             RandomSource& random, const Clock& clock, std::stop_token stop);

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

}  // namespace spendsync::cli
