// A backup made by hand, entry by entry, so that tests can put anything into its file table.
#pragma once

#include "base/crc32c.h"
#include "base/time.h"
#include "repository/testing/open_world.h"

namespace spendsync::restore {

/// global/pg_control as initdb of PostgreSQL 15 makes it, for the test repository's cluster or another.
inline Bytes synthetic_control_file(SystemIdentifier system = repository::SampleWorld::kSystem) {
  auto bytes = MUST(
      from_hex("65331b713241046b1405000025770d0c01000000000000003341046b00000000b029750100000000b0297501000000000100"
               "0000010000000100000001000000d402000000000000053500000100000000000000cc020000010000000100000001000000"
               "000000003341046b0000000000000000000000000000000000000000e8030000000000000000000000000000000000000000"
               "00000000000000000000000000000000000000000000010000000000000064000000080000000a0000000000000040000000"
               "00000000080000000000000087d63241002000000000020000200000000000014000000020000000cc070000000800000100"
               "000001000000e5dae05a2bf5c7315ea5b1fb8c4a1a08b23011e96660c10db3c23b99a0d2926c0263ed6100000000"));
  constexpr size_t kCrcOffset = 288;  // offsetof(ControlFileData, crc) in versions 13 to 17
  uint64_t identifier = system.value;
  std::memcpy(bytes.data(), &identifier, sizeof identifier);
  uint32_t crc = crc32c(0, ByteView(bytes).first(kCrcOffset));
  std::memcpy(bytes.data() + kCrcOffset, &crc, sizeof crc);
  bytes.resize(8192);
  return bytes;
}

class SyntheticBackup {
 public:
  explicit SyntheticBackup(repository::OpenWorld& repository) : repository_(repository), run_(repository.begin(1)) {
    writer_ = MUST(run_->frame_writer());
    summary_.start = {TimelineId{1}, Lsn{0x2000028}};
    summary_.stop = {TimelineId{1}, Lsn{0x2000100}};
    summary_.started = MUST(parse_rfc3339("2024-03-15T00:00:00Z"));
    summary_.stopped = MUST(parse_rfc3339("2024-03-15T00:05:00Z"));
    summary_.page_size = 8192;
    summary_.major_version = 15;
    summary_.server_settings["data_directory_mode"] = "0700";
  }

  repository::ManifestSummary& summary() { return summary_; }
  std::string& tablespace_map() { return tablespace_map_; }

  /// Content is stored in frames of `frame_size` bytes.
  SyntheticBackup& file(repository::FileEntry entry, ByteView content, size_t frame_size = 1u << 18) {
    entry.kind = repository::FileKind::file;
    entry.size = content.size();
    entry.crc32c = crc32c(0, content);
    for (size_t at = 0; at < content.size(); at += frame_size) {
      entry.content.add(MUST(writer_->append(content.subspan(at, std::min(frame_size, content.size() - at)))));
    }
    MUST(run_->add_file(std::move(entry)));
    return *this;
  }
  SyntheticBackup& file(const std::string& path, std::string_view content, uint32_t mode = 0600) {
    return file(entry_of(path, mode), as_bytes(content));
  }
  SyntheticBackup& add(repository::FileEntry entry) {
    MUST(run_->add_file(std::move(entry)));
    return *this;
  }
  SyntheticBackup& directory(const std::string& path, uint32_t mode = 0700) {
    auto entry = entry_of(path, mode);
    entry.kind = repository::FileKind::directory;
    return add(std::move(entry));
  }
  /// What every data directory needs, and the WAL segment of the backup.
  SyntheticBackup& cluster() {
    directory("global").directory("base").directory("base/5").directory("pg_wal").directory("pg_tblspc");
    file("PG_VERSION", "15\n").file("postgresql.conf", "port = 5432\n").file("pg_hba.conf", "local all all trust\n");
    file(entry_of("global/pg_control", 0600), synthetic_control_file());
    file(entry_of("pg_wal/000000010000000000000002", 0600), Bytes(16u << 20));
    return *this;
  }
  static repository::FileEntry entry_of(const std::string& path, uint32_t mode) {
    repository::FileEntry entry;
    entry.path = path;
    entry.mode = mode;
    entry.uid = ::geteuid();
    entry.gid = ::getegid();
    entry.mtime_ns = 1'710'000'000'123'456'789;
    return entry;
  }
  repository::Label commit() {
    MUST(writer_->finish());
    return MUST(run_->commit(summary_, {"START WAL LOCATION: 0/2000028\n", tablespace_map_})).label;
  }

 private:
  repository::OpenWorld& repository_;
  std::unique_ptr<repository::BackupRun> run_;
  std::unique_ptr<repository::FrameWriter> writer_;
  repository::ManifestSummary summary_;
  std::string tablespace_map_;
};

}  // namespace spendsync::restore
