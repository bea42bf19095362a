#include "crypto/wrapped_key.h"

namespace spendsync::crypto {
namespace {

constexpr std::string_view kMagic = "SSBWRAP1";
constexpr uint16_t kVersion = 1;
constexpr size_t kTypeMax = 32;
constexpr size_t kIdMax = 2048;  // a KMS key ARN has at most that many characters
constexpr size_t kRepositoryIdMax = 64;
constexpr size_t kClusterMax = 512;
constexpr size_t kWrappedMax = 8192;  // a KMS CiphertextBlob is at most 6144 bytes

/// Fixed-width lengths: a varint could be spelled in two ways, and every bit must have one meaning.
void write_text(ByteWriter& writer, std::string_view text, size_t max_size) {
  CHECK(text.size() <= max_size);
  writer.u16(static_cast<uint16_t>(text.size()));
  writer.raw(as_bytes(text));
}

Result<std::string> read_text(ByteReader& reader, size_t max_size) {
  auto size = TRY(reader.u16());
  if (size > max_size) return Error(ErrorKind::corrupt, "a field of the wrapped key is too long");
  auto bytes = TRY(reader.raw(size));
  return std::string(as_text(bytes));
}

void write_clear_part(ByteWriter& writer, const WrappedKey& wrapped) {
  writer.raw(as_bytes(kMagic));
  writer.u16(kVersion);
  writer.u8(static_cast<uint8_t>(wrapped.context.key_class));
  writer.u8(0);
  writer.raw(wrapped.context.key_id.bytes);
  writer.u64(static_cast<uint64_t>(wrapped.created.time_since_epoch().count()));
  write_text(writer, wrapped.wrapper_type, kTypeMax);
  write_text(writer, wrapped.wrapper_id, kIdMax);
  write_text(writer, wrapped.context.repository_id, kRepositoryIdMax);
  write_text(writer, wrapped.context.cluster, kClusterMax);
}

/// Takes magic and checksum off; what is left is the versioned part.
Result<ByteView> checked_body(ByteView bytes) {
  if (bytes.size() < kMagic.size() + sizeof(Sha256Digest) || as_text(bytes.first(kMagic.size())) != kMagic) {
    return Error(ErrorKind::corrupt, "not a wrapped key: bad magic or size");
  }
  auto covered = bytes.first(bytes.size() - sizeof(Sha256Digest));
  if (!equal_digests(sha256(covered), bytes.last(sizeof(Sha256Digest)))) {
    return Error(ErrorKind::corrupt, "the wrapped key is damaged: its checksum does not match");
  }
  return covered.subspan(kMagic.size());
}

Result<KeyClass> read_key_class(ByteReader& reader) {
  auto key_class = TRY(reader.u8());
  auto reserved = TRY(reader.u8());
  if (reserved != 0) return Error(ErrorKind::corrupt, "the wrapped key has reserved bits set");
  if (key_class != static_cast<uint8_t>(KeyClass::data) && key_class != static_cast<uint8_t>(KeyClass::meta)) {
    return Error(ErrorKind::corrupt, "the wrapped key has the unknown class " + std::to_string(key_class));
  }
  return static_cast<KeyClass>(key_class);
}

Error wrong_place(std::string_view what, const std::string& found, const std::string& expected) {
  return Error(ErrorKind::corrupt,
               "the wrapped key belongs to " + std::string(what) + " " + found + ", not " + expected);
}

}  // namespace

Bytes encode(const WrappedKey& wrapped) {
  CHECK(wrapped.wrapped.size() <= kWrappedMax);
  Bytes out;
  ByteWriter writer(out);
  write_clear_part(writer, wrapped);
  writer.u16(static_cast<uint16_t>(wrapped.wrapped.size()));
  writer.raw(wrapped.wrapped);
  auto checksum = sha256(out);
  writer.raw(checksum);
  return out;
}

Result<WrappedKey> decode(ByteView bytes) {
  auto body = TRY(checked_body(bytes));
  ByteReader reader(body);
  auto version = TRY(reader.u16());
  if (version > kVersion) {
    return Error(ErrorKind::unsupported, "the wrapped key has format version " + std::to_string(version) +
                                             "; this program knows up to " + std::to_string(kVersion))
        .with_hint("use the version of the program that wrote the repository, or a newer one");
  }
  if (version == 0) return Error(ErrorKind::corrupt, "the wrapped key has format version 0");
  WrappedKey wrapped;
  wrapped.context.key_class = TRY(read_key_class(reader));
  auto key_id = TRY(reader.raw(wrapped.context.key_id.bytes.size()));
  std::memcpy(wrapped.context.key_id.bytes.data(), key_id.data(), key_id.size());
  auto created_us = TRY(reader.u64());
  wrapped.created = Timestamp(std::chrono::microseconds(static_cast<int64_t>(created_us)));
  wrapped.wrapper_type = TRY(read_text(reader, kTypeMax));
  wrapped.wrapper_id = TRY(read_text(reader, kIdMax));
  wrapped.context.repository_id = TRY(read_text(reader, kRepositoryIdMax));
  wrapped.context.cluster = TRY(read_text(reader, kClusterMax));
  auto wrapped_bytes = TRY(read_text(reader, kWrappedMax));
  wrapped.wrapped = to_bytes(wrapped_bytes);
  TRY(reader.expect_end());
  return wrapped;
}

Sha256Digest clear_part_digest(const WrappedKey& wrapped) {
  Bytes clear;
  ByteWriter writer(clear);
  write_clear_part(writer, wrapped);
  return sha256(clear);
}

Result<void> expect_context(const WrappedKey& wrapped, const KeyContext& expected) {
  const auto& found = wrapped.context;
  if (found.repository_id != expected.repository_id) {
    return wrong_place("repository", found.repository_id, expected.repository_id);
  }
  if (found.cluster != expected.cluster) return wrong_place("cluster", found.cluster, expected.cluster);
  if (found.key_id != expected.key_id) {
    return wrong_place("key", found.key_id.to_string(), expected.key_id.to_string());
  }
  if (found.key_class != expected.key_class) {
    return wrong_place("class", std::string(to_string(found.key_class)), std::string(to_string(expected.key_class)));
  }
  return ok();
}

std::string random_wrap_id(RandomSource& random) {
  std::array<std::byte, 8> bytes;
  random.fill(bytes);
  return to_hex(bytes);
}

}  // namespace spendsync::crypto
