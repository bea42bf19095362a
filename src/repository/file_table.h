// The files of a backup: a sealed stream of records, written and read in bounded memory (docs/format/manifest.md).
#pragma once

#include <functional>
#include <optional>

#include "repository/frame.h"

namespace spendsync::repository {

enum class FileKind : uint8_t { directory = 0, file = 1, symbolic_link = 2, hard_link = 3 };
std::string_view to_string(FileKind kind);

/// Where the hashes of a file's blocks stand in the logical stream `pages`.
struct BlockHashes {
  uint64_t offset = 0;      // bytes from the beginning of the stream
  uint64_t count = 0;       // hashes of 16 bytes, one a block
  uint32_t block_size = 0;  // bytes; the last block of a file may be shorter
  bool operator==(const BlockHashes&) const = default;
};

/// By what a file is known to be the one of an earlier backup, unchanged, without reading it. Taken before the file is
/// read, and only where its last change lay long enough in the past that another one would show.
struct FileIdentity {
  uint64_t inode = 0;    // never 0
  int64_t ctime_ns = 0;  // since 1970
  bool operator==(const FileIdentity&) const = default;
};

/// One entry of a backup. Set 0 is the database cluster; the others are the captured sets that the manifest names.
struct FileEntry {
  struct Attribute {  // an extended attribute
    std::string name;
    std::string value;
    bool operator==(const Attribute&) const = default;
  };

  uint32_t set = 0;
  std::string path;  // relative to the set's root; bytes, not necessarily UTF-8; never "..", never absolute
  FileKind kind = FileKind::file;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string owner;  // names at the source, empty where it has none
  std::string group;
  uint32_t mode = 0;        // permission bits with setuid, setgid and sticky
  int64_t mtime_ns = 0;     // since 1970
  uint64_t size = 0;        // bytes of content; 0 but for files
  uint32_t crc32c = 0;      // of the content
  bool crc_known = true;    // false, and crc32c 0: parts of the file were kept from the full without being read
  std::string link_target;  // symbolic link: its text; hard link: path of the first name, in the same set
  std::vector<Attribute> attributes;
  FrameRuns content;
  std::optional<BlockHashes> block_hashes;
  std::optional<FileIdentity> identity;
  std::vector<uint32_t> bad_blocks;  // pages whose checksum did not match, ascending, counted from the file's beginning
  bool operator==(const FileEntry&) const = default;
};

/// Limits of docs/format/manifest.md, bytes and counts; a record over one of them is corrupt.
inline constexpr size_t kPathMax = 4096;
inline constexpr size_t kNameMax = 256;
inline constexpr size_t kAttributesMax = 1024;
inline constexpr size_t kAttributeValueMax = 64u << 10;
inline constexpr size_t kFileRecordMax = 16u << 20;
inline constexpr uint32_t kHashBlockMax = 8u << 20;

/// Appends the record with its length. Errors: invalid when a limit is passed or the sizes do not agree.
Result<void> encode_file_entry(const FileEntry& entry, Bytes& out);
/// The inverse, of a record without its length. Errors: corrupt, naming the path where it is known: a path that is
/// absolute, empty or leads upwards, sizes that disagree, anything left over.
Result<FileEntry> decode_file_entry(ByteView record);

/// Puts records together from pieces of the stream, however they are cut. Holds at most one record.
class FileTableParser {
 public:
  using Visitor = std::function<Result<void>(const FileEntry&)>;
  /// Where the record of the entry that is being visited lies in the stream, without its length; bytes.
  struct Place {
    uint64_t offset = 0;
    uint64_t length = 0;
  };
  const Place& place() const { return place_; }
  /// Errors: corrupt; the visitor's own.
  Result<void> feed(ByteView piece, const Visitor& visit);
  /// Errors: corrupt when the stream ended inside a record.
  Result<void> finish() const;
  uint64_t entries() const { return entries_; }

 private:
  Bytes pending_;
  uint64_t pending_offset_ = 0;  // of its first byte in the stream
  Place place_;
  uint64_t entries_ = 0;
};

}  // namespace spendsync::repository
