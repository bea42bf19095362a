#include "restore/checked_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>

#include "base/condition.h"
#include "base/file.h"
#include "base/worker_group.h"

namespace spendsync::restore {
namespace {

constexpr std::chrono::seconds kNoLimit{std::chrono::hours{24 * 365}};
constexpr int kPollInterval_ms = 100;  // how late a stop may be noticed

Error cannot_write() {
  auto error = Error::from_errno(errno, "cannot write the export");
  if (!error.is(ErrorKind::exhausted)) return error;
  return std::move(error).with_condition(Condition::no_space).with_hint("write to a place with more room");
}

/// Until the descriptor can be read or written, or has been closed on the other side.
Result<void> wait_for(int descriptor, short events, std::stop_token stop) {
  while (!stop.stop_requested()) {
    pollfd waited{descriptor, events, 0};
    const int ready = ::poll(&waited, 1, kPollInterval_ms);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return Error::from_errno(errno, "cannot wait for the export");
  }
  return Error(ErrorKind::cancelled, "stopped while writing the export");
}

/// A pipe that can be written takes PIPE_BUF bytes without blocking (pipe(7)), so that nobody waits for a reader that
/// reads no more.
Result<void> write_checked(int output, ByteView bytes, size_t at_once_max, std::stop_token stop) {
  while (!bytes.empty()) {
    TRY(wait_for(output, POLLOUT, stop));
    const ssize_t written = ::write(output, bytes.data(), std::min(bytes.size(), at_once_max));
    if (written < 0 && errno != EINTR && errno != EAGAIN) return cannot_write();
    if (written > 0) bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

Result<void> copy_to_end(const Fd& input, int output, std::stop_token stop) {
  struct stat status {};
  const bool is_file = ::fstat(output, &status) == 0 && S_ISREG(status.st_mode);
  std::array<std::byte, 64u << 10> buffer;
  while (true) {
    TRY(wait_for(input.get(), POLLIN, stop));
    const ssize_t got = ::read(input.get(), buffer.data(), buffer.size());
    if (got == 0) return {};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, "cannot read what is exported");
    TRY(write_checked(output, ByteView(buffer).first(static_cast<size_t>(got)), is_file ? buffer.size() : PIPE_BUF,
                      stop));
  }
}

}  // namespace

Result<CommandOutput> run_with_checked_output(Command command, int output, std::stop_token stop) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno(errno, "cannot make a pipe");
  std::optional<Fd> read_end(Fd{ends[0]});
  std::optional<Fd> write_end(Fd{ends[1]});
  command.output_descriptor = write_end->get();
  WorkerGroup copier(stop);
  copier.spawn("export-output", [&read_end, output](std::stop_token token) -> Result<void> {
    auto copied = copy_to_end(*read_end, output, token);
    read_end.reset();  // a program that goes on writing is told so
    return copied;
  });
  auto result = run_command(command, stop, kNoLimit);
  write_end.reset();
  if (!result) copier.request_stop();
  auto copied = copier.join();
  if (!result && result.error().is(ErrorKind::cancelled)) return result;
  // A program that is ended by the copier's stop may have an exit status before the stop is noticed here.
  bool stopped_with_it = !result && !copied && copied.error().is(ErrorKind::cancelled);
  if (!copied && !stopped_with_it) return std::move(copied).error();
  return result;
}

}  // namespace spendsync::restore
