#include <cstdio>
#include <exception>
#include <memory>

#include "base/condition.h"
#include "base/exit_code.h"
#include "base/process_identity.h"
#include "base/signals.h"
#include "cli/commands/commands.h"
#include "cli/line/parse.h"
#include "cli/process.h"
#include "jobs/service_user.h"

namespace spendsync::cli {
namespace {

Log::Settings log_settings(const GlobalOptions& global) {
  Log::Settings settings;
  settings.format = global.json ? Log::Format::json : Log::Format::console;
  settings.threshold = global.verbose ? LogLevel::debug : global.quiet ? LogLevel::warning : LogLevel::info;
  return settings;
}

int run(const CommandEntry& command, const std::string& title, const GlobalOptions& global) {
  SystemClock clock;
  SystemRandom random;
  Log log(log_settings(global), clock);
  Output output(global, clock);
  auto failure_code = [&](int code) { return command.failure_code ? command.failure_code() : code; };
  auto hardened = harden_process(HardeningSettings{});
  auto signals = SignalWatcher::start();
  if (!hardened || !signals) {
    log.failure(hardened ? signals.error() : hardened.error());
    return failure_code(kFailed);
  }
  const auto remark = [&output](const std::string& text) { output.remark(text); };
  const Process process{{clock, random, log, remark, (*signals)->stop_token()}, global, output};
  auto result = command.run(process);
  if (result) return *result;
  const int code = failure_code(exit_code(result.error(), (*signals)->received().value_or(0)));
  log.failure(result.error());
  output.failure(title, result.error(), code);
  return code;
}

int run_command_line(const std::vector<std::string>& arguments) {
  auto global = std::make_shared<GlobalOptions>();
  const CommandEntry root = command_table(global);
  const auto failed = [&](int code) { return failure_code_of(root, arguments, code); };
  try {
    const auto parsed = parse_command_line(root, arguments);
    std::fputs(parsed.output.c_str(), stdout);
    std::fputs(parsed.error.c_str(), stderr);
    int code = parsed.command ? run(*parsed.command, parsed.title, *global) : parsed.exit_code;
    if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && code == kDone) {
      std::fputs("error: the output could not be written\n", stderr);
      code = failed(kFailed);
    }
    return code;
  } catch (const std::exception& error) {  // out of memory, or a library's surprise
    std::fprintf(stderr, "error: %s [%s]\n", error.what(), code_of(Condition::internal_error).c_str());
    return failed(kFailed);
  }
}

}  // namespace
}  // namespace spendsync::cli

int main(int argc, char** argv) {
  spendsync::jobs::remember_program();
  return spendsync::cli::run_command_line({argv + 1, argv + argc});
}
