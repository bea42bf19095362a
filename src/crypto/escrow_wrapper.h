// Wraps of data keys that an escrow key pair makes and opens.
#pragma once

#include "crypto/data_key.h"
#include "crypto/escrow_key.h"

namespace spendsync::crypto {

/// Seals with the public half; opens where the private half was brought (`--escrow-key`).
class EscrowWrapper final : public KeyWrapper {
 public:
  EscrowWrapper(EscrowKey key, RandomSource& random, const Clock& clock)
      : key_(std::move(key)), random_(random), clock_(clock) {}

  std::string type() const override { return "escrow"; }
  std::string id() const override { return key_.id(); }
  bool can_open() const override { return key_.has_private(); }
  bool opens_locally() const override { return false; }
  bool is_offline() const override { return true; }
  Result<WrappedKey> wrap(const Secret& key, const KeyContext& context) override;
  Result<Secret> unwrap(const WrappedKey& wrapped) override;
  const EscrowKey& key() const { return key_; }

 private:
  EscrowKey key_;
  RandomSource& random_;
  const Clock& clock_;
};

}  // namespace spendsync::crypto
