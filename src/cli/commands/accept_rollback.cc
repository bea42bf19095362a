// spendsync-backup init --accept-rollback
#include "jobs/accept_rollback.h"

#include <fmt/format.h>

#include "base/exit_code.h"
#include "cli/commands/init.h"

namespace spendsync::cli {
namespace {

using repository::AcceptedRollback;

void print(const Output& output, const AcceptedRollback& accepted) {
  output.line(fmt::format("Given up of the server with system identifier {}: record {}, {}, and whatever went with it.",
                          accepted.server.to_string(), accepted.sequence, accepted.gone));
  output.line(accepted.newest ? fmt::format("The newest record that counts from now on: {}", *accepted.newest)
                              : std::string("There is no record of it any more."));
}

Json to_json(const AcceptedRollback& accepted) {
  Json json;
  json.set("system_identifier", accepted.server.to_string());
  json.set("gone", accepted.gone).set("sequence", accepted.sequence);
  if (accepted.newest) json.set("newest", *accepted.newest);
  return json;
}

}  // namespace

Result<int> run_accept_rollback(const Process& process) {
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::writes));
  const auto all = TRY(jobs::accept_rollbacks(*wiring));
  Json json = Json::array();
  for (const auto& accepted : all.accepted) {
    print(process.output, accepted);
    json.push(to_json(accepted));
  }
  if (all.accepted.empty()) {
    process.output.line("The repository holds the newest record that this host has seen: nothing was changed.");
  } else {
    process.output.line(
        fmt::format("Next: {}spendsync-backup backup full. Moments that only the records given up covered cannot be "
                    "restored; `list` shows what can.",
                    all.has_to_adopt ? "spendsync-backup cluster adopt, then: " : ""));
  }
  process.output.summary("init", Json().set("accepted", std::move(json)).set("adopt", all.has_to_adopt), kDone);
  return kDone;
}

}  // namespace spendsync::cli
