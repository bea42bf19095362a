#include "crypto/key_file_wrapper.h"

#include <algorithm>

#include "base/condition.h"
#include "crypto/digest.h"
#include "crypto/gcm.h"
#include "crypto/secret_file.h"
#include "crypto/wrapped_key.h"

namespace spendsync::crypto {
namespace {

constexpr std::string_view kType = "key-file";
constexpr std::string_view kIdInfo = "spendsync-backup/1/key-file/id";
constexpr std::string_view kWrapInfo = "spendsync-backup/1/key-file/wrap";
constexpr size_t kIdSize = 8;
constexpr size_t kSaltSize = 32;
constexpr size_t kWrappedSize = kSaltSize + Secret::kSize + kGcmTagSize;
constexpr GcmNonce kNonce{};  // each key-encrypting key comes from a salt of its own and seals once

std::string make_command(const std::string& path) {
  return "(umask 077 && openssl rand 32 > " + quoted_path(path) + ")";
}

SecretFileWords words_for(const std::string& path) {
  return {"key file", "restore it from where you keep it; for a new repository make one: " + make_command(path),
          "make one: " + make_command(path)};
}

Result<Secret> read_key(const Fd& file, const std::string& path) {
  std::array<std::byte, Secret::kSize + 1> bytes;  // one more, so that a longer file shows
  auto size = read_at(file, 0, bytes, path);
  if (!size) return std::move(size).error();
  Secret key(ByteView(bytes).first(Secret::kSize));
  bool zeros = std::all_of(bytes.begin(), bytes.begin() + Secret::kSize, [](std::byte b) { return b == std::byte{0}; });
  wipe(bytes);
  if (*size != Secret::kSize) {
    auto found = *size > Secret::kSize ? std::string("more than 32") : std::to_string(*size);
    return Error(ErrorKind::refused, "key file " + path + " holds " + found + " bytes; a key is exactly 32 raw bytes")
        .with_condition(Condition::key_file_wrong)
        .with_hint("if nothing was sealed with it yet, make a new one: " + make_command(path));
  }
  if (zeros) {
    return Error(ErrorKind::refused, "key file " + path + " holds only zero bytes")
        .with_condition(Condition::key_file_wrong)
        .with_hint("if nothing was sealed with it yet, make a new one: " + make_command(path));
  }
  return key;
}

struct KeyEncryptingKey {
  Secret secret;
  Sha256Digest associated_data;
};

/// `wrapped` without its bytes decides the associated data.
KeyEncryptingKey derive_wrapping(const Secret& file_key, ByteView salt, const WrappedKey& wrapped) {
  KeyEncryptingKey result;
  hkdf_sha256(file_key.view(), salt, kWrapInfo, result.secret.mutable_view());
  result.associated_data = clear_part_digest(wrapped);
  return result;
}

}  // namespace

Result<std::unique_ptr<KeyFileWrapper>> KeyFileWrapper::open(const std::string& path, RandomSource& random,
                                                             const Clock& clock) {
  auto file = TRY(open_secret_file(path, words_for(path)));
  auto key = TRY(read_key(file, path));
  return std::unique_ptr<KeyFileWrapper>(new KeyFileWrapper(std::move(key), random, clock));
}

std::string key_file_id(const Secret& key) {
  std::array<std::byte, kIdSize> id;
  hkdf_sha256(key.view(), {}, kIdInfo, id);
  return to_hex(id);
}

std::string KeyFileWrapper::id() const { return key_file_id(key_); }

Result<WrappedKey> KeyFileWrapper::wrap(const Secret& key, const KeyContext& context) {
  WrappedKey result{type(), id(), context, clock_.now(), {}};
  std::array<std::byte, kSaltSize> salt;
  random_.fill(salt);
  auto wrapping = derive_wrapping(key_, salt, result);
  auto text = key.clone();
  auto tag =
      Gcm(Gcm::Direction::seal, wrapping.secret.view()).seal(kNonce, wrapping.associated_data, text.mutable_view());
  ByteWriter writer(result.wrapped);
  writer.raw(salt);
  writer.raw(text.view());
  writer.raw(tag);
  return result;
}

Result<Secret> KeyFileWrapper::unwrap(const WrappedKey& wrapped) {
  if (wrapped.wrapper_type != kType || wrapped.wrapper_id != id()) {
    return Error(ErrorKind::denied, "key " + wrapped.context.key_id.to_string() + " was wrapped by " +
                                        wrapped.wrapper_type + " " + wrapped.wrapper_id + ", not by key-file " + id())
        .with_hint("configure the key file whose id is " + wrapped.wrapper_id);
  }
  if (wrapped.wrapped.size() != kWrappedSize) {
    return Error(ErrorKind::corrupt, "the wrap of key " + wrapped.context.key_id.to_string() + " has a wrong size");
  }
  ByteView bytes(wrapped.wrapped);
  auto wrapping = derive_wrapping(key_, bytes.first(kSaltSize), wrapped);
  Secret key(bytes.subspan(kSaltSize, Secret::kSize));
  if (!Gcm(Gcm::Direction::open, wrapping.secret.view())
           .open(kNonce, wrapping.associated_data, key.mutable_view(), bytes.last<kGcmTagSize>())) {
    return Error(ErrorKind::corrupt,
                 "the wrap of key " + wrapped.context.key_id.to_string() + " was changed after it was made");
  }
  return key;
}

}  // namespace spendsync::crypto
