// The simplest backup and restore there is, out of src/postgres alone: files copied one by one between start and stop.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/file.h"
#include "base/testing.h"
#include "integration/real_server.h"
#include "postgres/backup_manifest.h"
#include "postgres/backup_session.h"
#include "postgres/control_file.h"
#include "postgres/data_directory.h"

namespace spendsync::postgres {

struct PlainBackup {
  std::string directory;
  BackupSession::Stopped stopped;
  std::vector<BackupManifestWriter::File> files;
  std::vector<std::string> skipped;
};

inline void copy_file(const std::string& from, const std::string& to, const std::string& name, PlainBackup& backup,
                      Timestamp modified) {
  auto content = MUST(read_file(from, 1u << 30));
  MUST(replace_file(to, content, 0600));
  backup.files.push_back({name, content.size(), modified, crc32c(0, content)});
}

/// Copies the server's data directory to `directory` (made here), pg_control last, tablespaces as directories in place.
inline PlainBackup take_plain_backup(testing::RealServer& server, const std::string& directory,
                                     const std::function<void()>& meanwhile = {}) {
  Connection::Settings settings;
  settings.connection_string = server.connection_string();
  auto session = MUST(BackupSession::start(MUST(Connection::open(settings)), {"plain backup", true}, {}));
  auto data = MUST(DataDirectory::open(server.data_directory()));
  PlainBackup backup;
  backup.directory = directory;
  MUST(make_directories(directory, 0700));
  DataDirectory::Visitor visitor;
  visitor.on_skipped = [&](const std::string& path, const std::string&) { backup.skipped.push_back(path); };
  visitor.on_entry = [&](const DirectoryEntry& entry) -> Result<void> {
    auto to = directory + "/" + entry.path;
    if (entry.kind != EntryKind::file) return make_directories(to, 0700);
    copy_file(data.path() + "/" + entry.path, to, entry.path, backup,
              Timestamp(std::chrono::seconds(entry.status.st_mtim.tv_sec)));
    return {};
  };
  MUST(data.walk(visitor));
  if (meanwhile) meanwhile();
  auto control = MUST(read_control_file(data.path()));
  MUST(replace_file(directory + "/global/pg_control", control.bytes, 0600));
  backup.files.push_back({"global/pg_control", control.bytes.size(), Timestamp(), crc32c(0, control.bytes)});
  backup.stopped = MUST(session.stop({}));
  MUST(replace_file(directory + "/backup_label", as_bytes(backup.stopped.backup_label), 0600));
  backup.files.push_back({"backup_label", backup.stopped.backup_label.size(), backup.stopped.stopped,
                          crc32c(0, as_bytes(backup.stopped.backup_label))});
  return backup;
}

}  // namespace spendsync::postgres
