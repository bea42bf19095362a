// Whether the newest backup has every tablespace of the server: a part of `check` and `status`.
#pragma once

#include <string>
#include <vector>

#include "health/check_report.h"
#include "postgres/connection.h"
#include "wal/backup_inventory.h"

namespace spendsync::health {

struct ServerTablespace {
  uint32_t oid = 0;
  std::string name;
  std::string location;
};
/// Those outside the data directory, by oid.
Result<std::vector<ServerTablespace>> read_tablespaces(postgres::Connection& connection, std::stop_token stop);

/// Item server.tablespaces: a warning where one is in no backup yet. Pure.
CheckItem judge_tablespaces(const std::vector<ServerTablespace>& tablespaces, const wal::BackupInventory& backups);

/// Both. Where the server does not tell, the item says why.
CheckItem check_tablespaces(postgres::Connection& connection, const wal::BackupInventory& backups,
                            std::stop_token stop);

}  // namespace spendsync::health
