#include "crypto/data_key.h"

namespace spendsync::crypto {

std::string_view to_string(KeyClass key_class) {
  switch (key_class) {
    case KeyClass::data:
      return "data";
    case KeyClass::meta:
      return "meta";
  }
  return "unknown";
}

std::string KeyId::to_string() const { return to_hex(bytes); }

Result<KeyId> KeyId::parse(std::string_view hex) {
  KeyId id;
  auto decoded = from_hex(hex);
  bool lower_case = hex.find_first_of("ABCDEF") == std::string_view::npos;  // one spelling: it is a name in keys
  if (!decoded || decoded->size() != id.bytes.size() || !lower_case) {
    return Error(ErrorKind::invalid, "'" + std::string(hex) + "' is no key id: 32 lower-case hexadecimal digits");
  }
  std::memcpy(id.bytes.data(), decoded->data(), id.bytes.size());
  return id;
}

KeyId KeyId::random(RandomSource& random) {
  KeyId id;
  random.fill(id.bytes);
  return id;
}

}  // namespace spendsync::crypto
