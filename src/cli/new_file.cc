#include "cli/new_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"

namespace spendsync::cli {

Result<void> write_new_file(const std::string& path, ByteView content) {
  auto file = open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!file && file.error().is(ErrorKind::already_exists)) {
    return Error(ErrorKind::refused, path + " exists; nothing is written over it").with_hint("choose another --output");
  }
  auto opened = TRY(std::move(file));
  const auto write = [&]() -> Result<void> {
    TRY(write_all(opened, content, path));
    TRY(sync_file(opened, path));
    return opened.close();
  };
  auto written = write();
  if (!written) ::unlink(path.c_str());  // half a key or half a kit looks like a whole one
  return written;
}

}  // namespace spendsync::cli
