// fuzz [TARGET|all [EXECUTIONS [SEED]]]: mutations of every target's samples, led by coverage where the build has it.
// fuzz TARGET FILE: one input again. What ends the program leaves its input in fuzz-finding-<target>.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "fuzz/engine.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace {

using namespace spendsync;
using namespace spendsync::fuzz;

constexpr unsigned kHangAfter_s = 20;

// The input at hand, where a signal handler can find it.
struct Current {
  const std::byte* data;
  size_t size;
  char file[128];
};
Current current;

void leave_input() {
  const int fd = open(current.file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) return;
  const bool written = write(fd, current.data, current.size) == static_cast<ssize_t>(current.size);
  close(fd);
  const char* words = written ? "\nthe input is in " : "\nthe input could not be written whole to ";
  for (const char* text : {words, static_cast<const char*>(current.file), "\n"}) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0) return;
  }
}

void end_with_input(int number) {
  leave_input();
  ::signal(number, SIG_DFL);
  raise(number);
}

void catch_crashes() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(leave_input);
#else
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::signal(number, end_with_input);
#endif
  for (const int number : {SIGABRT, SIGALRM}) ::signal(number, end_with_input);
}

void remember(const Bytes& input) {
  current.data = input.data();
  current.size = input.size();
  alarm(kHangAfter_s);
}

void fuzz_target(const Target& target, const EngineSettings& settings) {
  std::snprintf(current.file, sizeof current.file, "fuzz-finding-%.*s", static_cast<int>(target.name.size()),
                target.name.data());
  const auto report = run_engine(target, settings, remember);
  alarm(0);
  std::printf("%-18.*s %9lu executions, %8lu taken, corpus %5zu, %5zu places, %7.1f s\n",
              static_cast<int>(target.name.size()), target.name.data(), report.executions, report.taken, report.corpus,
              report.places, report.duration_s);
  std::fflush(stdout);
}

uint64_t number_of(const char* text, uint64_t otherwise) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text, text + strlen(text), value);
  return error == std::errc() && *end == '\0' ? value : otherwise;
}

int usage(const std::vector<Target>& targets) {
  std::fprintf(stderr, "usage: fuzz [TARGET|all [EXECUTIONS [SEED]]]\n       fuzz TARGET FILE\ntargets:\n");
  for (const auto& target : targets) {
    std::fprintf(stderr, "  %.*s\n", static_cast<int>(target.name.size()), target.name.data());
  }
  return 2;
}

int run_again(const Target& target, const char* path) {
  auto input = read_file(path);
  if (!input) {
    std::fprintf(stderr, "error: %s\n", input.error().message().c_str());
    return 1;
  }
  remember(*input);
  std::printf("%s\n", target.reads(*input) ? "taken" : "refused");
  return 0;
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__)
// An input of 64 KiB must not make a parser ask for more than this.
extern "C" const char* __asan_default_options() {
  return "max_allocation_size_mb=512:allocator_may_return_null=0:handle_abort=0:detect_leaks=1:strict_string_checks=1";
}
extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1"; }
#endif

int main(int argc, char** argv) {
  const auto targets = all_targets();
  const std::string_view wanted = argc > 1 ? argv[1] : "all";
  const bool known =
      wanted == "all" || std::ranges::any_of(targets, [&](const Target& target) { return target.name == wanted; });
  if (!known || argc > 4) return usage(targets);
  catch_crashes();
  EngineSettings settings;
  settings.executions = argc > 2 ? number_of(argv[2], 0) : 1'000'000;
  settings.seed = argc > 3 ? number_of(argv[3], 1) : 1;
  for (const auto& target : targets) {
    if (wanted != "all" && target.name != wanted) continue;
    if (settings.executions == 0) return run_again(target, argv[2]);
    fuzz_target(target, settings);
  }
  return 0;
}
