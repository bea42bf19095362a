#include "cli/screen/passphrase.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/testing.h"

namespace spendsync::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A child whose terminal is ours to type on. It exits with 0 when it was told `expected`, else with 1.
class Typist {
 public:
  explicit Typist(const std::string& expected) {
    child_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
    if (child_ == 0) {
      auto typed = ask_passphrase("passphrase of key.pem: ", {});
      const bool cancelled = !typed && typed.error().is(ErrorKind::cancelled);
      ::_exit(typed ? (as_text(typed->view()) == expected ? 0 : 1) : cancelled ? 2 : 3);
    }
  }
  ~Typist() { ::close(terminal_); }
  /// What the terminal shows until `text` is there, or nothing more comes.
  std::string read_until(const std::string& text) {
    while (shown_.find(text) == std::string::npos) {
      pollfd watched{terminal_, POLLIN, 0};
      char buffer[512];
      if (::poll(&watched, 1, 20'000) <= 0) break;
      const auto got = ::read(terminal_, buffer, sizeof buffer);
      if (got <= 0) break;  // EIO: the child has closed its end
      shown_.append(buffer, static_cast<size_t>(got));
    }
    return shown_;
  }
  bool echoes() const {
    termios settings{};
    EXPECT_EQ(::tcgetattr(terminal_, &settings), 0);
    return (settings.c_lflag & ECHO) != 0;
  }
  void type(const std::string& text) {
    EXPECT_EQ(::write(terminal_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  int wait() {
    int status = 0;
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  int terminal_ = -1;
  pid_t child_ = -1;
  std::string shown_;
};

TEST(Passphrase, IsTypedWithoutBeingShown) {
  Typist typist("correct horse");
  EXPECT_THAT(typist.read_until("key.pem: "), HasSubstr("passphrase of key.pem: "));
  EXPECT_FALSE(typist.echoes());
  typist.type("correct horse\n");
  EXPECT_THAT(typist.read_until("\r\n"), Not(HasSubstr("horse")));
  EXPECT_EQ(typist.wait(), 0);
}

TEST(Passphrase, AnEmptyLineGivesUp) {
  Typist typist("");
  typist.read_until("key.pem: ");
  typist.type("\n");
  EXPECT_EQ(typist.wait(), 2);
}

}  // namespace
}  // namespace spendsync::cli
