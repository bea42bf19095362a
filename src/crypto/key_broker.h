// Opens wraps for a restore's own children, which must hold neither an escrow key nor its passphrase.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "base/file.h"
#include "crypto/data_key.h"

namespace spendsync::crypto {

/// Serves a Unix socket of mode 0600: whoever runs as this user (or root) sends a wrap and gets the data key that it
/// holds. What leaves the process are single data keys, never what opens them all.
class KeyBroker {
 public:
  /// `opener` outlives it and can open. `socket_path` lies in a directory of mode 0700, has at most 107 bytes and does
  /// not exist. Errors: as Error::from_errno; invalid for a long path.
  static Result<std::unique_ptr<KeyBroker>> start(KeyWrapper& opener, const std::string& socket_path);
  KeyBroker(const KeyBroker&) = delete;
  KeyBroker& operator=(const KeyBroker&) = delete;
  /// Stops serving and removes the socket.
  ~KeyBroker();

 private:
  KeyBroker(KeyWrapper& opener, std::string socket_path, Fd listener);
  void serve(std::stop_token stop);
  void answer(const Fd& peer);

  KeyWrapper& opener_;
  std::string socket_path_;
  Fd listener_;
  std::jthread thread_;  // last: it uses everything above
};

/// The other end. Seals nothing.
class BrokeredKey final : public KeyWrapper {
 public:
  /// Asks the broker for its wrapper's type and id. Errors: transient when nobody serves there.
  static Result<std::unique_ptr<BrokeredKey>> connect(const std::string& socket_path);

  std::string type() const override { return type_; }
  std::string id() const override { return id_; }
  bool can_open() const override { return true; }
  bool opens_locally() const override { return false; }
  bool is_offline() const override { return true; }
  Result<WrappedKey> wrap(const Secret& key, const KeyContext& context) override;
  Result<Secret> unwrap(const WrappedKey& wrapped) override;

 private:
  BrokeredKey(std::string socket_path, std::string type, std::string id)
      : socket_path_(std::move(socket_path)), type_(std::move(type)), id_(std::move(id)) {}
  std::string socket_path_;
  std::string type_;
  std::string id_;
};

}  // namespace spendsync::crypto
