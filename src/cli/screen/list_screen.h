// The list of backups, as a table and as JSON.
#pragma once

#include "base/time.h"
#include "cli/screen/output.h"
#include "jobs/list.h"

namespace spendsync::cli {

/// `narrowed`: not all were asked for. `place`: of the repository.
struct ListScene {
  TimeZone zone;
  std::string place;
  bool narrowed = false;
};
void print(const Output& output, const jobs::BackupList& list, const ListScene& scene);
Json to_json(const jobs::BackupList& list);

}  // namespace spendsync::cli
