// spendsync-backup init --new-repository
#include <fmt/format.h>

#include "base/exit_code.h"
#include "cli/commands/init.h"
#include "repository/remembered.h"

namespace spendsync::cli {

Result<int> run_new_repository(const Process& process) {
  const auto found = TRY(Wiring::examine(process, process.sources()));
  const auto& wiring = *found.wiring;
  const auto settings = wiring.repository_settings();
  const auto remembered = repository::read_remembered(settings);
  Json json;
  json.set("cluster", settings.cluster).set("forgotten", remembered.has_value());
  if (!remembered) {
    process.output.line(
        fmt::format("This host remembers no repository of cluster {}: nothing was changed.", settings.cluster));
  } else {
    const auto where = remembered->place.empty() ? std::string() : " at " + remembered->place;
    process.output.line(
        fmt::format("This host has backed cluster {} up to repository {}{}.", settings.cluster, remembered->id, where));
    TRY(repository::forget_remembered(settings));
    process.output.line("That is forgotten here; nothing at that place was changed.");
    json.set("repository", remembered->id).set("place", remembered->place);
  }
  process.output.line(fmt::format(
      "Next: spendsync-backup backup full, to what is at {} then; where nothing is, it makes a new repository.",
      wiring.place()));
  process.output.summary("init", json, kDone);
  return kDone;
}

}  // namespace spendsync::cli
