// Bytes and their little-endian encoding. Every binary record of docs/format/ is written and read through these.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace spendsync {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline ByteView as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline Bytes to_bytes(std::string_view text) {
  auto view = as_bytes(text);
  return {view.begin(), view.end()};
}

/// Lower-case hexadecimal, two digits a byte.
std::string to_hex(ByteView bytes);
/// Errors: invalid on an odd length or a digit that is not hexadecimal.
Result<Bytes> from_hex(std::string_view text);

/// Appends little-endian integers, varints (LEB128) and length-prefixed strings to a buffer it does not own.
class ByteWriter {
 public:
  explicit ByteWriter(Bytes& out) : out_(out) {}
  void u8(uint8_t value) { out_.push_back(static_cast<std::byte>(value)); }
  void u16(uint16_t value) { fixed(value); }
  void u32(uint32_t value) { fixed(value); }
  void u64(uint64_t value) { fixed(value); }
  void varint(uint64_t value);
  void raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void text(std::string_view value) {  // varint length, then the bytes
    varint(value.size());
    raw(as_bytes(value));
  }
  size_t size() const { return out_.size(); }

 private:
  template <class T>
  void fixed(T value) {
    auto position = out_.size();
    out_.resize(position + sizeof value);
    std::memcpy(out_.data() + position, &value, sizeof value);  // x86-64 and arm64 are little-endian
  }
  Bytes& out_;
};

/// Reads what ByteWriter wrote. Never reads past the end; every short or overlong field is `corrupt`.
class ByteReader {
 public:
  explicit ByteReader(ByteView in) : in_(in) {}
  Result<uint8_t> u8();
  Result<uint16_t> u16();
  Result<uint32_t> u32();
  Result<uint64_t> u64();
  Result<uint64_t> varint();
  /// A view into the input of exactly `size` bytes.
  Result<ByteView> raw(size_t size);
  /// A length-prefixed string of at most `max_size` bytes; a view into the input.
  Result<std::string_view> text(size_t max_size);
  size_t remaining() const { return in_.size(); }
  bool at_end() const { return in_.empty(); }
  /// Errors: corrupt when bytes are left over.
  Result<void> expect_end() const;

 private:
  template <class T>
  Result<T> fixed();
  ByteView in_;
};

}  // namespace spendsync
