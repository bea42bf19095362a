#include "crypto/secret_file.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>

#include "base/condition.h"
#include "base/secret.h"

namespace spendsync::crypto {
namespace {

Error explain_open_failure(Error error, const std::string& path, const SecretFileWords& words) {
  if (error.os_error() == ENOENT) {
    return Error(ErrorKind::not_found, words.what + " " + path + " does not exist")
        .with_condition(Condition::secret_file_missing)
        .with_hint(words.missing_hint);
  }
  if (error.os_error() == ELOOP) {
    return Error(ErrorKind::refused, words.what + " " + path + " is a symbolic link")
        .with_condition(Condition::secret_file_unsafe)
        .with_hint("name the file itself: readlink -f " + quoted_path(path));
  }
  if (error.os_error() == EACCES || error.os_error() == EPERM) {
    return std::move(error).with_hint("give it to the user that runs this: chown $(id -un) " + quoted_path(path));
  }
  return error;
}

Result<void> check_attributes(const struct stat& attributes, const std::string& path, const SecretFileWords& words) {
  const std::string& what = words.what;
  if (!S_ISREG(attributes.st_mode)) {
    return Error(ErrorKind::refused, what + " " + path + " is not a regular file")
        .with_condition(Condition::secret_file_unsafe)
        .with_hint(words.make_hint);
  }
  if (attributes.st_uid != geteuid() && attributes.st_uid != 0) {
    return Error(ErrorKind::refused, what + " " + path + " belongs to user " + std::to_string(attributes.st_uid) +
                                         ", neither to the running user nor to root")
        .with_condition(Condition::secret_file_unsafe)
        .with_hint("chown " + std::to_string(geteuid()) + " " + quoted_path(path));
  }
  auto mode = attributes.st_mode & 07777;
  if (mode != 0600 && mode != 0400) {
    char text[8];
    std::snprintf(text, sizeof text, "%04o", mode);
    return Error(ErrorKind::refused, what + " " + path + " has mode " + text + "; it must be 0600 or 0400")
        .with_condition(Condition::secret_file_unsafe)
        .with_hint("chmod 600 " + quoted_path(path));
  }
  return ok();
}

}  // namespace

WipedBytes& WipedBytes::operator=(WipedBytes&& other) noexcept {
  if (this != &other) {
    wipe(bytes_);
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

WipedBytes::~WipedBytes() { wipe(bytes_); }

void WipedBytes::truncate(size_t size) {
  if (size >= bytes_.size()) return;
  wipe(MutableBytes(bytes_).subspan(size));
  bytes_.resize(size);
}

Result<Fd> open_secret_file(const std::string& path, const SecretFileWords& words) {
  // O_NONBLOCK: a FIFO in its place must be refused, not waited for.
  auto file = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file) return explain_open_failure(std::move(file).error(), path, words);
  struct stat attributes {};
  if (fstat(file->get(), &attributes) != 0)
    return Error::from_errno(errno, "cannot examine " + words.what + " " + path);
  TRY(check_attributes(attributes, path, words));
  return file;
}

Result<WipedBytes> read_secret_file(const std::string& path, const SecretFileWords& words, size_t max_size) {
  auto file = TRY(open_secret_file(path, words));
  WipedBytes content(Bytes(max_size + 1));  // one more, so that a longer file shows
  auto size = TRY(read_at(file, 0, content.mutable_view(), path));
  if (size > max_size) {
    return Error(ErrorKind::refused, words.what + " " + path + " is larger than " + std::to_string(max_size) +
                                         " bytes: not what it should be")
        .with_hint(words.make_hint);
  }
  content.truncate(size);
  return content;
}

std::string quoted_path(const std::string& path) {
  auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("/._-+@:").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!path.empty() && path.front() != '-' && std::all_of(path.begin(), path.end(), plain)) return path;
  std::string text = "'";
  for (char c : path) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace spendsync::crypto
