// The manifest: the one object that makes a backup exist (docs/format/manifest.md).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "repository/chain.h"
#include "repository/frame.h"
#include "repository/layout.h"

namespace spendsync::repository {

/// A captured set of files beside the database.
struct CapturedSet {
  uint32_t number = 0;             // FileEntry::set; from 1
  std::string name;                // "configuration"
  std::vector<std::string> paths;  // as configured
  uint64_t files = 0;
  uint64_t bytes = 0;
  bool operator==(const CapturedSet&) const = default;
};

struct TablespaceRecord {
  uint32_t oid = 0;
  std::string location;  // at the source; bytes
  bool operator==(const TablespaceRecord&) const = default;
};

/// A file some of whose pages did not match their checksum. The first 100 files are named; the count is of all.
struct PageFailures {
  std::string path;
  std::vector<uint32_t> blocks;  // the first 100
  bool operator==(const PageFailures&) const = default;
};

/// A data key that the backup needs, and the wraps that were made of it.
struct KeyRecord {
  crypto::KeyId id;
  crypto::KeyClass key_class = crypto::KeyClass::data;
  std::vector<std::string> wraps;
  bool operator==(const KeyRecord&) const = default;
};

/// All that `list`, `status`, expiry and the choice of a backup need. Readable without the rest of the manifest.
/// Those who make a backup fill the first part; BackupRun::commit fills the second.
struct ManifestSummary {
  Timestamp started;  // the server's clock where there is one
  Timestamp stopped;
  WalPosition start;  // what pg_backup_start returned: the redo point
  WalPosition stop;   // what pg_backup_stop returned
  Lsn checkpoint;     // location of the checkpoint record
  uint32_t page_size = 0;
  int major_version = 0;
  uint32_t catalog_version = 0;
  std::string server_version;  // "15.8 (Debian 15.8-0+deb12u1)"
  bool data_checksums = false;
  bool from_standby = false;
  std::map<std::string, std::string> server_settings;  // what recovery needs (max_connections ...), and where files lay
  uint64_t page_failures = 0;                          // pages
  std::vector<PageFailures> page_failure_files;
  std::vector<CapturedSet> captured_sets;
  std::vector<TablespaceRecord> tablespaces;
  std::vector<std::string> incomplete;       // why something that was asked for is not inside; empty: complete
  std::map<std::string, std::string> notes;  // facts for people (collation versions, skipped special files)
  std::optional<Label> parent;               // incremental: its full

  Label label = Label::make(Timestamp{}, BackupType::full);
  SystemIdentifier system_identifier;
  std::string host;
  std::string tool_version;
  std::vector<KeyRecord> keys;
  uint64_t files = 0;         // entries of kind file
  uint64_t entries = 0;       // all entries of the file table
  uint64_t source_bytes = 0;  // sum of the files' sizes
  uint64_t stored_bytes = 0;  // sum of this backup's packs
  uint64_t packs = 0;
  uint64_t body_bytes = 0;  // of the manifest object after its first frame: shows a cut without reading it
  ChainLink chain;

  BackupType type() const { return label.type(); }
  bool complete() const { return incomplete.empty(); }
};

/// A pack of the backup, as the manifest vouches for it.
struct PackRecord {
  uint32_t id = 0;  // what FrameRun::pack refers to
  PackName name;
  crypto::KeyClass key_class = crypto::KeyClass::data;
  uint64_t size = 0;            // of the object, bytes
  uint64_t index_offset = 0;    // where the sealed index begins
  uint32_t frames = 0;          // of the stream, the empty last one included
  crypto::Sha256Digest tags{};  // SHA-256 over the GCM tags of those frames in order
  bool operator==(const PackRecord&) const = default;
};

/// A logical stream in meta packs. Every frame but the last holds exactly kStreamFrameSize bytes.
struct StreamTable {
  uint64_t length = 0;  // bytes
  FrameRuns frames;
  bool operator==(const StreamTable&) const = default;
};
inline constexpr uint32_t kStreamFrameSize = 1u << 20;

/// Everything but the summary. The pack list takes about 100 bytes a pack in memory: 7 MB for a 10 TB cluster.
struct ManifestBody {
  std::string backup_label;    // byte for byte
  std::string tablespace_map;  // byte for byte, may be empty
  StreamTable file_table;
  StreamTable page_hashes;
  std::vector<PackRecord> packs;  // ascending by id
};

struct Manifest {
  ManifestSummary summary;
  ManifestBody body;
};

/// The object's bytes. Sets summary.body_bytes.
Result<Bytes> seal_manifest(Repository& repository, Manifest& manifest, const crypto::DataKeyPtr& meta_key);

/// Reads the summary in one or two small range reads. `object_size` is what the listing or stat says.
/// Errors: not_found; corrupt (also for a wrong size); conflict when a tombstone stands at the manifest's key: the
/// run was collected as unfinished.
Result<ManifestSummary> read_manifest_summary(Repository& repository, const Label& label, uint64_t object_size);
/// The whole. Errors: the same.
Result<Manifest> read_manifest(Repository& repository, const Label& label);

}  // namespace spendsync::repository
