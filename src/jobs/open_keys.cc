#include "jobs/open_keys.h"

#include "base/condition.h"
#include "base/exit_code.h"
#include "base/process_identity.h"
#include "crypto/escrow_wrapper.h"
#include "crypto/key_broker.h"
#include "crypto/key_file_wrapper.h"

namespace spendsync::jobs {
namespace {

constexpr size_t kPassphraseMax = 1024;  // bytes

class KeyOpener {
 public:
  KeyOpener(const config::LoadedConfig& loaded, const BroughtKey& brought, const Context& context)
      : loaded_(loaded), brought_(brought), random_(context.random), clock_(context.clock), stop_(context.stop) {}

  Result<OpenedKeys> open(KeyUse use) {
    const bool brings = brought_.file || brought_.socket;
    if (brings && use == KeyUse::writes) {
      return Error(ErrorKind::refused, "an escrow key opens what is there; nothing new is written with it alone")
          .with_condition(Condition::escrow_cannot_write)
          .with_hint(
              "configure a new key file, then let the escrow key add its wraps: "
              "spendsync-backup keys rewrap --escrow-key FILE");
    }
    if (!brings || use == KeyUse::adds_wraps) TRY(open_configured(use));
    if (brings) TRY(open_brought());
    return std::move(keys_);
  }

 private:
  Result<void> open_configured(KeyUse use) {
    size_t number = 0;
    for (const auto& key : loaded_.config.encryption.keys) {
      const std::string path = "encryption.keys[" + std::to_string(number++) + "]";
      if (const auto* file = std::get_if<config::KeyFile>(&key)) {
        auto wrapper = TRY(crypto::KeyFileWrapper::open(file->path, random_, clock_));
        keys_.wrappers.push_back(std::move(wrapper));
      } else if (const auto* escrow = std::get_if<config::EscrowKey>(&key)) {
        auto opened = crypto::EscrowKey::read_public(escrow->public_key_path);
        // It opens nothing: a restore must not fail for want of it.
        if (!opened && use == KeyUse::reads) continue;
        auto public_key = TRY_CONTEXT(std::move(opened), loaded_.where(path + ".public_key"));
        keys_.wrappers.push_back(std::make_unique<crypto::EscrowWrapper>(std::move(public_key), random_, clock_));
      } else {
        return Error(ErrorKind::invalid,
                     loaded_.where(path + ".type") + ": error: a key of this type is not supported by this version")
            .with_hint("use a key-file")
            .with_exit_code(kUsage);
      }
    }
    return ok();
  }

  Result<void> open_brought() {
    if (brought_.socket) {
      auto brokered = TRY(crypto::BrokeredKey::connect(*brought_.socket));
      keys_.wrappers.push_back(std::move(brokered));
    } else {
      const PrivilegedReads rights;  // root may bring a file that only root reads
      auto key = TRY(crypto::EscrowKey::read_private(*brought_.file,
                                                     [this](const std::string& path) { return passphrase(path); }));
      keys_.wrappers.push_back(std::make_unique<crypto::EscrowWrapper>(std::move(key), random_, clock_));
    }
    keys_.brought = keys_.wrappers.back().get();
    return ok();
  }

  Result<crypto::WipedBytes> passphrase(const std::string& path) {
    if (brought_.passphrase_file) return read_passphrase_file(*brought_.passphrase_file);
    if (!brought_.ask) {
      return Error(ErrorKind::refused, "a passphrase is needed for " + path + ", and nobody can be asked")
          .with_hint("write it into a file of mode 0600 and name that: --escrow-passphrase-file FILE");
    }
    keys_.passphrase_typed = true;
    return brought_.ask("passphrase of " + path + ": ", stop_);
  }

  const config::LoadedConfig& loaded_;
  const BroughtKey& brought_;
  RandomSource& random_;
  const Clock& clock_;
  std::stop_token stop_;
  OpenedKeys keys_;
};

}  // namespace

std::vector<ConfiguredKey> examine_configured_keys(const config::Config& config, RandomSource& random,
                                                   const Clock& clock) {
  std::vector<ConfiguredKey> keys;
  for (const auto& key : config.encryption.keys) {
    if (const auto* file = std::get_if<config::KeyFile>(&key)) {
      auto wrapper = crypto::KeyFileWrapper::open(file->path, random, clock);
      keys.push_back(
          {"key-file", file->path, "", wrapper ? Result<std::string>((*wrapper)->id()) : wrapper.error(), true});
    } else if (const auto* escrow = std::get_if<config::EscrowKey>(&key)) {
      auto opened = crypto::EscrowKey::read_public(escrow->public_key_path);
      keys.push_back({"escrow", escrow->public_key_path, opened ? opened->algorithm() : "",
                      opened ? Result<std::string>(opened->id()) : opened.error(), false});
    } else if (const auto* kms = std::get_if<config::AwsKmsKey>(&key)) {
      keys.push_back({"aws-kms", kms->region + " " + kms->key_id, "",
                      Error(ErrorKind::unsupported, "keys of this type are not supported by this version"), true});
    }
  }
  return keys;
}

Result<OpenedKeys> open_keys(const config::LoadedConfig& loaded, const BroughtKey& brought, KeyUse use,
                             const Context& context) {
  return KeyOpener(loaded, brought, context).open(use);
}

Result<crypto::WipedBytes> read_passphrase_file(const std::string& path) {
  const crypto::SecretFileWords words{"passphrase file", "write the passphrase into a file of mode 0600",
                                      "write the passphrase into a file of mode 0600"};
  auto content = TRY(crypto::read_secret_file(path, words, kPassphraseMax));
  size_t size = content.size();
  if (size > 0 && content.view()[size - 1] == std::byte{'\n'}) --size;
  if (size > 0 && content.view()[size - 1] == std::byte{'\r'}) --size;
  content.truncate(size);
  if (size == 0) return Error(ErrorKind::refused, "passphrase file " + path + " is empty");
  return content;
}

}  // namespace spendsync::jobs
