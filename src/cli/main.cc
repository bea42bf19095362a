#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>

#include "base/condition.h"
#include "base/exit_code.h"
#include "base/process_identity.h"
#include "base/signals.h"
#include "cli/commands/commands.h"
#include "cli/line/command_line.h"
#include "jobs/service_user.h"
#include "wal/get.h"

namespace spendsync::cli {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

Log::Settings log_settings(const GlobalOptions& global) {
  Log::Settings settings;
  settings.format = global.json ? Log::Format::json : Log::Format::console;
  settings.threshold = global.verbose ? LogLevel::debug : global.quiet ? LogLevel::warning : LogLevel::info;
  return settings;
}

struct Named {
  std::string name;
  std::function<Result<int>()> run;
};

Named command_of(const Process& process, const CommandOptions& command) {
  return std::visit(Overloaded{[&](const BackupOptions& o) {
                                 return Named{"backup " + o.type, [&] { return run_backup(process, o); }};
                               },
                               [&](const ClusterAdoptOptions& o) {
                                 return Named{"cluster adopt", [&] { return run_cluster_adopt(process, o); }};
                               },
                               [&](const ListOptions& o) {
                                 return Named{"list", [&] { return run_list(process, o); }};
                               },
                               [&](const RestoreOptions& o) {
                                 return Named{"restore", [&] { return run_restore(process, o); }};
                               },
                               [&](const ExportOptions& o) {
                                 return Named{"export", [&] { return run_export(process, o); }};
                               },
                               [&](const VerifyOptions& o) {
                                 return Named{"verify", [&] { return run_verify(process, o); }};
                               },
                               [&](const ExpireOptions& o) {
                                 return Named{"expire", [&] { return run_expire(process, o); }};
                               },
                               [&](const PinOptions& o) {
                                 return Named{"pin", [&] { return run_pin(process, o); }};
                               },
                               [&](const UnpinOptions& o) {
                                 return Named{"unpin", [&] { return run_unpin(process, o); }};
                               },
                               [&](const WalPushOptions& o) {
                                 return Named{"wal push", [&] { return run_wal_push(process, o); }};
                               },
                               [&](const WalGetOptions& o) {
                                 return Named{"wal get", [&] { return Result<int>(run_wal_get(process, o)); }};
                               },
                               [&](const InitOptions& o) {
                                 return Named{"init", [&] { return run_init(process, o); }};
                               },
                               [&](const CheckOptions&) {
                                 return Named{"check", [&] { return run_check(process); }};
                               },
                               [&](const StatusOptions& o) {
                                 return Named{"status", [&] { return run_status(process, o); }};
                               },
                               [&](const KeysListOptions&) {
                                 return Named{"keys list", [&] { return run_keys_list(process); }};
                               },
                               [&](const KeysRewrapOptions& o) {
                                 return Named{"keys rewrap", [&] { return run_keys_rewrap(process, o); }};
                               },
                               [&](const KeysKitOptions& o) {
                                 return Named{"keys kit", [&] { return run_keys_kit(process, o); }};
                               },
                               [&](const KeysImportKitOptions& o) {
                                 return Named{"keys import-kit", [&] { return run_keys_import_kit(process, o); }};
                               },
                               [&](const SlotDropOptions&) {
                                 return Named{"slot drop", [&] { return run_slot_drop(process); }};
                               },
                               [&](const TimelineForkOptions& o) {
                                 return Named{"timeline fork", [&] { return run_timeline_fork(process, o); }};
                               },
                               [&](const ConfigValidateOptions&) {
                                 return Named{"config validate", [&] { return run_config_validate(process); }};
                               },
                               [&](const ConfigShowOptions&) {
                                 return Named{"config show", [&] { return run_config_show(process); }};
                               },
                               [&](const ConfigSchemaOptions&) {
                                 return Named{"config schema", [&] { return run_config_schema(process); }};
                               },
                               [&](const DrTestOptions& o) {
                                 return Named{"dr-test", [&] { return run_dr_test(process, o); }};
                               },
                               [&](const ExplainOptions& o) {
                                 return Named{"explain", [&] { return run_explain(process, o); }};
                               },
                               [&](const CompletionOptions& o) {
                                 return Named{"completion", [&] { return run_completion(o); }};
                               },
                               [&](const ManOptions& o) {
                                 return Named{"man", [&] { return run_man(o); }};
                               },
                               [&](const DemoOptions& o) {
                                 return Named{"demo", [&] { return run_demo(process, o); }};
                               }},
                    command);
}

int run(const Invocation& invocation) {
  const bool is_wal_get = std::holds_alternative<WalGetOptions>(invocation.command);
  SystemClock clock;
  SystemRandom random;
  Log log(log_settings(invocation.global), clock);
  Output output(invocation.global, clock);
  auto hardened = harden_process(HardeningSettings{});
  auto signals = SignalWatcher::start();
  if (!hardened || !signals) {
    log.failure(hardened ? signals.error() : hardened.error());
    return is_wal_get ? wal::wal_get_failure_code(".") : kFailed;
  }
  const auto remark = [&output](const std::string& text) { output.remark(text); };
  const Process process{{clock, random, log, remark, (*signals)->stop_token()}, invocation.global, output};
  const Named command = command_of(process, invocation.command);
  auto result = command.run();
  if (result) return *result;
  const int code = exit_code(result.error(), (*signals)->received().value_or(0));
  log.failure(result.error());
  output.failure(command.name, result.error(), code);
  return code;
}

}  // namespace
}  // namespace spendsync::cli

int main(int argc, char** argv) {
  using namespace spendsync::cli;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  int code = spendsync::kFailed;
  try {
    spendsync::jobs::remember_program();
    const auto parsed = parse_command_line(arguments);
    std::fputs(parsed.output.c_str(), stdout);
    std::fputs(parsed.error.c_str(), stderr);
    code = parsed.invocation ? run(*parsed.invocation) : parsed.exit_code;
    // A standby asks again after 1 and ends after anything above 125.
    if (!parsed.invocation && code == spendsync::wal::kWalFailed) code = spendsync::wal::wal_get_failure_code(".");
    if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && code == spendsync::kDone) {
      std::fputs("error: the output could not be written\n", stderr);
      const bool is_wal_get = parsed.invocation && std::holds_alternative<WalGetOptions>(parsed.invocation->command);
      code = is_wal_get ? spendsync::wal::wal_get_failure_code(".") : spendsync::kFailed;
    }
  } catch (const std::exception& error) {  // out of memory, or a library's surprise
    std::fprintf(stderr, "error: %s [%s]\n", error.what(),
                 spendsync::code_of(spendsync::Condition::internal_error).c_str());
    // 1 to 125 from a restore_command would be taken as the end of WAL.
    code = std::find(arguments.begin(), arguments.end(), "get") != arguments.end() ? 126 : spendsync::kFailed;
  }
  return code;
}
