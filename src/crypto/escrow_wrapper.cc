#include "crypto/escrow_wrapper.h"

#include "crypto/wrapped_key.h"

namespace spendsync::crypto {

Result<WrappedKey> EscrowWrapper::wrap(const Secret& key, const KeyContext& context) {
  WrappedKey result{type(), id(), context, clock_.now(), {}};
  result.wrapped = TRY(key_.seal(key, clear_part_digest(result), random_));
  return result;
}

Result<Secret> EscrowWrapper::unwrap(const WrappedKey& wrapped) {
  const std::string name = "key " + wrapped.context.key_id.to_string();
  if (wrapped.wrapper_type != type() || wrapped.wrapper_id != id()) {
    return Error(ErrorKind::denied, name + " was wrapped by " + wrapped.wrapper_type + " " + wrapped.wrapper_id +
                                        ", not by escrow " + id());
  }
  if (!can_open()) {
    return Error(ErrorKind::denied, name + " can be opened only with the private half of escrow " + id())
        .with_hint("bring it and name it: --escrow-key FILE");
  }
  auto secret = key_.open(wrapped.wrapped, clear_part_digest(wrapped));
  if (!secret) return Error(ErrorKind::corrupt, "the wrap of " + name + " was changed after it was made");
  return secret;
}

}  // namespace spendsync::crypto
