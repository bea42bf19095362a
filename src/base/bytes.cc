#include "base/bytes.h"

#include <fmt/format.h>

namespace spendsync {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::byte byte : bytes) {
    auto value = std::to_integer<unsigned>(byte);
    text += kHexDigits[value >> 4];
    text += kHexDigits[value & 15];
  }
  return text;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return Error(ErrorKind::invalid, "odd number of hexadecimal digits");
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (size_t position = 0; position < text.size(); position += 2) {
    int high = hex_value(text[position]);
    int low = hex_value(text[position + 1]);
    if (high < 0 || low < 0) {
      return Error(ErrorKind::invalid, fmt::format("not a hexadecimal digit at position {}", position));
    }
    bytes.push_back(static_cast<std::byte>(high * 16 + low));
  }
  return bytes;
}

void ByteWriter::varint(uint64_t value) {
  while (value >= 0x80) {
    u8(static_cast<uint8_t>(value | 0x80));
    value >>= 7;
  }
  u8(static_cast<uint8_t>(value));
}

template <class T>
Result<T> ByteReader::fixed() {
  if (in_.size() < sizeof(T)) {
    return Error(ErrorKind::corrupt, fmt::format("record is short: {} bytes left of {}", in_.size(), sizeof(T)));
  }
  T value;
  std::memcpy(&value, in_.data(), sizeof value);
  in_ = in_.subspan(sizeof value);
  return value;
}

Result<uint8_t> ByteReader::u8() { return fixed<uint8_t>(); }
Result<uint16_t> ByteReader::u16() { return fixed<uint16_t>(); }
Result<uint32_t> ByteReader::u32() { return fixed<uint32_t>(); }
Result<uint64_t> ByteReader::u64() { return fixed<uint64_t>(); }

Result<uint64_t> ByteReader::varint() {
  // Only the shortest encoding is accepted, so that a record has exactly one byte representation.
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    uint8_t byte = TRY(u8());
    uint64_t digit = byte & 0x7f;
    if (shift == 63 && digit > 1) return Error(ErrorKind::corrupt, "varint does not fit in 64 bits");
    value |= digit << shift;
    if ((byte & 0x80) == 0) {
      if (digit == 0 && shift > 0) return Error(ErrorKind::corrupt, "varint is overlong");
      return value;
    }
  }
  return Error(ErrorKind::corrupt, "varint is longer than ten bytes");
}

Result<ByteView> ByteReader::raw(size_t size) {
  if (in_.size() < size) {
    return Error(ErrorKind::corrupt, fmt::format("record is short: {} bytes left of {}", in_.size(), size));
  }
  ByteView view = in_.first(size);
  in_ = in_.subspan(size);
  return view;
}

Result<std::string_view> ByteReader::text(size_t max_size) {
  uint64_t size = TRY(varint());
  if (size > max_size) {
    return Error(ErrorKind::corrupt, fmt::format("text of {} bytes is longer than {}", size, max_size));
  }
  ByteView view = TRY(raw(static_cast<size_t>(size)));
  return as_text(view);
}

Result<void> ByteReader::expect_end() const {
  if (!in_.empty())
    return Error(ErrorKind::corrupt, fmt::format("{} bytes are left over after the record", in_.size()));
  return {};
}

}  // namespace spendsync
