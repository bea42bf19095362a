#include "crypto/wrapped_key.h"

#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

/// With a right checksum, so that what is behind it is reached.
bool reads(ByteView input) {
  (void)crypto::decode(input);
  Bytes bytes(input.begin(), input.end());
  const auto checksum = crypto::sha256(bytes);
  bytes.insert(bytes.end(), checksum.begin(), checksum.end());
  const auto wrapped = crypto::decode(bytes);
  if (!wrapped) return false;
  require(crypto::encode(*wrapped) == bytes, "a wrap is written as it was read");
  return true;
}

Bytes sample(const std::string& type) {
  crypto::WrappedKey wrapped;
  wrapped.wrapper_type = type;
  wrapped.wrapper_id = "arn:aws:kms:us-west-2:111122223333:key/1234abcd";
  wrapped.context.repository_id = "00112233445566778899aabbccddeeff";
  wrapped.context.cluster = "spendsync/7300000000000000001";
  wrapped.context.key_class = crypto::KeyClass::meta;
  wrapped.created = Timestamp(std::chrono::microseconds(1'710'460'800'123'456));
  wrapped.wrapped = to_bytes("what the wrapper made");
  auto bytes = crypto::encode(wrapped);
  bytes.resize(bytes.size() - std::tuple_size_v<crypto::Sha256Digest>);
  return bytes;
}

}  // namespace

Target wrapped_key_target() {
  auto cut = sample("key-file");
  cut.pop_back();
  return {"wrapped_key", reads, {sample("key-file"), sample("escrow")}, {Bytes{}, cut}, {}};
}

}  // namespace spendsync::fuzz
