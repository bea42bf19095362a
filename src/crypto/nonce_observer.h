// Lets a test see which nonces a sealer uses under which key. Reached only through a friend of StreamSealer.
#pragma once

#include "base/bytes.h"

namespace spendsync::crypto {

/// Called on the sealer's thread.
class NonceObserver {
 public:
  virtual ~NonceObserver() = default;
  /// A stream begins: all nonces that follow belong to this key.
  virtual void stream_key(ByteView frame_key) = 0;
  virtual void nonce_used(ByteView nonce) = 0;
};

}  // namespace spendsync::crypto
