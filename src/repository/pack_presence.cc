#include "repository/pack_presence.h"

#include <algorithm>

namespace spendsync::repository {

Result<void> expect_packs(Repository& repository, const Label& label, const std::vector<PackRecord>& packs,
                          std::stop_token stop) {
  auto prefix = repository.layout().packs_prefix(label);
  auto wrong = [&](const PackRecord& pack, std::string_view what) {
    return Error(ErrorKind::corrupt, "pack " + pack.name.to_string() + " of " + label.text() + " " + std::string(what));
  };
  size_t next = 0;  // both sides ascend: numbers of one run have a fixed width up to a million packs
  std::vector<const PackRecord*> by_name;
  for (const auto& pack : packs) by_name.push_back(&pack);
  std::sort(by_name.begin(), by_name.end(),
            [](const auto* a, const auto* b) { return a->name.to_string() < b->name.to_string(); });
  TRY(repository.store().list(prefix, "", [&](const storage::ObjectInfo& info) -> Result<void> {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    if (next == by_name.size()) return ok();
    const auto& pack = *by_name[next];
    auto name = info.key.text().substr(prefix.size());
    if (name < pack.name.to_string()) return ok();  // another run's
    if (name != pack.name.to_string()) return wrong(pack, "was written but is not in the store");
    if (info.size != pack.size) return wrong(pack, "has another size in the store than was written");
    ++next;
    return ok();
  }));
  if (next < by_name.size()) return wrong(*by_name[next], "was written but is not in the store");
  return ok();
}

}  // namespace spendsync::repository
