#include "postgres/backup_manifest.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <iterator>

#include "base/bytes.h"

namespace spendsync::postgres {
namespace {

struct DigestDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

/// The length of the UTF-8 sequence at the front of `text`; 0 where there is none (RFC 3629).
size_t utf8_sequence_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    bool overlong = first == 0xE0 && byte(1) < 0xA0;
    bool surrogate = first == 0xED && byte(1) > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    bool overlong = first == 0xF0 && byte(1) < 0x90;
    bool too_large = first == 0xF4 && byte(1) > 0x8F;
    return overlong || too_large ? 0 : 4;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = utf8_sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

/// PostgreSQL writes the value's bytes as they lie in memory, lowest first.
std::string checksum_hex(uint32_t crc) {
  std::array<std::byte, sizeof crc> bytes;
  std::memcpy(bytes.data(), &crc, sizeof crc);
  static_assert(std::endian::native == std::endian::little);
  return to_hex(bytes);
}

}  // namespace

struct BackupManifestWriter::State {
  std::string path;
  Fd fd;
  std::string buffer;
  std::unique_ptr<EVP_MD_CTX, DigestDeleter> digest;
  bool any_file = false;

  Result<void> flush() {
    if (EVP_DigestUpdate(digest.get(), buffer.data(), buffer.size()) != 1) {
      return Error(ErrorKind::internal, "SHA-256 failed");
    }
    TRY(write_all(fd, as_bytes(buffer), path));
    buffer.clear();
    return {};
  }

  Result<std::string> finish_digest() {
    std::array<std::byte, EVP_MAX_MD_SIZE> value;
    unsigned size = 0;
    if (EVP_DigestFinal_ex(digest.get(), reinterpret_cast<unsigned char*>(value.data()), &size) != 1) {
      return Error(ErrorKind::internal, "SHA-256 failed");
    }
    return to_hex(ByteView(value).first(size));
  }
};

BackupManifestWriter::BackupManifestWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
BackupManifestWriter::BackupManifestWriter(BackupManifestWriter&&) noexcept = default;
BackupManifestWriter& BackupManifestWriter::operator=(BackupManifestWriter&&) noexcept = default;
BackupManifestWriter::~BackupManifestWriter() = default;

Result<BackupManifestWriter> BackupManifestWriter::create(const std::string& path, Settings settings) {
  constexpr int kSystemIdentifierSince = 17;
  auto state = std::make_unique<State>();
  state->path = path;
  state->digest.reset(EVP_MD_CTX_new());
  if (!state->digest || EVP_DigestInit_ex(state->digest.get(), EVP_sha256(), nullptr) != 1) {
    return Error(ErrorKind::internal, "SHA-256 cannot be set up");
  }
  state->fd = TRY(open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, settings.mode));
  if (settings.major_version >= kSystemIdentifierSince) {
    state->buffer =
        fmt::format("{{ \"PostgreSQL-Backup-Manifest-Version\": 2,\n\"System-Identifier\": {},\n\"Files\": [",
                    settings.system_identifier.value);
  } else {
    state->buffer = "{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [";
  }
  return BackupManifestWriter(std::move(state));
}

Result<void> BackupManifestWriter::add(const File& file) {
  constexpr size_t kFlushAt = 64 * 1024;
  auto& out = state_->buffer;
  out += state_->any_file ? ",\n" : "\n";
  state_->any_file = true;
  if (is_utf8(file.path)) {
    out += "{ \"Path\": ";
    append_json_string(out, file.path);
  } else {
    out += "{ \"Encoded-Path\": \"" + to_hex(as_bytes(file.path)) + "\"";
  }
  auto seconds = std::chrono::floor<std::chrono::seconds>(file.modified);
  fmt::format_to(std::back_inserter(out),
                 ", \"Size\": {}, \"Last-Modified\": \"{:%Y-%m-%d %H:%M:%S} GMT\", \"Checksum-Algorithm\": \"CRC32C\", "
                 "\"Checksum\": \"{}\" }}",
                 file.size, fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), checksum_hex(file.crc32c));
  return out.size() < kFlushAt ? Result<void>() : state_->flush();
}

Result<void> BackupManifestWriter::finish(const std::vector<WalRange>& ranges) {
  auto& out = state_->buffer;
  out += "\n],\n\"WAL-Ranges\": [\n";
  bool first = true;
  for (const auto& range : ranges) {
    if (!first) out += ",\n";
    first = false;
    fmt::format_to(std::back_inserter(out), "{{ \"Timeline\": {}, \"Start-LSN\": \"{}\", \"End-LSN\": \"{}\" }}",
                   range.timeline.value, range.begin.to_string(), range.end.to_string());
  }
  out += "\n],\n";  // the checksum covers everything up to here
  TRY(state_->flush());
  auto checksum = TRY(state_->finish_digest());
  TRY(write_all(state_->fd, as_bytes("\"Manifest-Checksum\": \"" + checksum + "\"}\n"), state_->path));
  TRY(sync_file(state_->fd, state_->path));
  return state_->fd.close();
}

}  // namespace spendsync::postgres
