#include "cli/screen/passphrase.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/stop_event.h"

namespace spendsync::cli {
namespace {

constexpr size_t kPassphraseMax = 1024;  // bytes

/// The echo of a terminal, off while this lives.
class EchoOff {
 public:
  explicit EchoOff(const Fd& terminal) : terminal_(terminal) {
    if (::tcgetattr(terminal_.get(), &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL);
    off_ = ::tcsetattr(terminal_.get(), TCSAFLUSH, &quiet) == 0;
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;
  ~EchoOff() {
    if (off_) ::tcsetattr(terminal_.get(), TCSAFLUSH, &before_);
  }
  bool off() const { return off_; }

 private:
  const Fd& terminal_;
  termios before_{};
  bool off_ = false;
};

Result<crypto::WipedBytes> read_line(const Fd& terminal, std::stop_token stop) {
  const StopEvent stopped(stop);
  crypto::WipedBytes line(Bytes(kPassphraseMax + 1));
  size_t size = 0;
  while (true) {
    std::array<pollfd, 2> watched{{{terminal.get(), POLLIN, 0}, {stopped.fd(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR)
      return Error::from_errno(errno, "the terminal");
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while waiting for the passphrase");
    if (watched[0].revents == 0) continue;
    const auto got = ::read(terminal.get(), line.mutable_view().data() + size, line.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, "reading the passphrase from the terminal");
    size += static_cast<size_t>(got);
    const bool ended = got == 0 || line.view()[size - 1] == std::byte{'\n'};
    if (!ended && size <= kPassphraseMax) continue;
    if (size > kPassphraseMax) return Error(ErrorKind::invalid, "the passphrase is longer than 1024 bytes");
    line.truncate(got == 0 ? size : size - 1);
    return line;
  }
}

}  // namespace

Result<crypto::WipedBytes> ask_passphrase(const std::string& prompt, std::stop_token stop) {
  auto terminal = open_file("/dev/tty", O_RDWR | O_NOCTTY);
  if (!terminal) {
    return Error(ErrorKind::refused, "a passphrase is needed, and there is no terminal to ask on")
        .with_hint("write it into a file of mode 0600 and name that: --escrow-passphrase-file FILE");
  }
  Result<crypto::WipedBytes> typed = Error(ErrorKind::refused, "the terminal does not let its echo be turned off");
  {
    const EchoOff quiet(*terminal);
    if (quiet.off()) {
      TRY(write_all(*terminal, as_bytes(prompt), "the terminal"));
      typed = read_line(*terminal, std::move(stop));
    }
  }
  static_cast<void>(write_all(*terminal, as_bytes("\n"), "the terminal"));  // a line that was not echoed
  if (typed && typed->size() == 0) return Error(ErrorKind::cancelled, "no passphrase was typed");
  return typed;
}

}  // namespace spendsync::cli
