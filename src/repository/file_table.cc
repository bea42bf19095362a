#include "repository/file_table.h"

#include <algorithm>

namespace spendsync::repository {
namespace {

constexpr uint32_t kModeMax = 07777;
constexpr uint8_t kFileWithoutCrc = 4;  // on storage: FileKind::file whose CRC-32C is not known

uint64_t zigzag(int64_t value) { return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63); }
int64_t unzigzag(uint64_t value) { return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1); }

/// Relative, without empty, "." or ".." components and without NUL: nothing that could lead out of the target.
bool is_safe_path(std::string_view path) {
  if (path.empty() || path.size() > kPathMax || path.find('\0') != std::string_view::npos) return false;
  while (true) {
    auto slash = path.find('/');
    auto component = path.substr(0, slash);
    if (component.empty() || component == "." || component == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool fits(const BlockHashes& hashes, uint64_t size) {
  if (hashes.block_size == 0 || hashes.block_size > kHashBlockMax) return false;
  return hashes.count == size / hashes.block_size + (size % hashes.block_size != 0 ? 1 : 0);
}

/// What holds for an entry on both sides; the text says what does not.
std::optional<std::string> find_fault(const FileEntry& entry) {
  bool is_link = entry.kind == FileKind::symbolic_link || entry.kind == FileKind::hard_link;
  if (!is_safe_path(entry.path)) return "its path is not relative and plain";
  if (entry.owner.size() > kNameMax || entry.group.size() > kNameMax) return "an owner's name is too long";
  if (entry.mode > kModeMax) return "its mode has more than permission bits";
  if (entry.link_target.size() > kPathMax || is_link == entry.link_target.empty()) return "its link target is wrong";
  if (entry.link_target.find('\0') != std::string::npos) return "its link target holds a NUL";
  if (entry.kind == FileKind::hard_link && !is_safe_path(entry.link_target)) return "its first name is no plain path";
  if (entry.attributes.size() > kAttributesMax) return "it has too many extended attributes";
  for (const auto& attribute : entry.attributes) {
    bool good = !attribute.name.empty() && attribute.name.size() <= kNameMax &&
                attribute.name.find('\0') == std::string::npos && attribute.value.size() <= kAttributeValueMax;
    if (!good) return "an extended attribute is too long or has no name";
  }
  if (entry.content.length() != entry.size) return "its size and its content disagree";
  bool has_content =
      entry.size != 0 || entry.crc32c != 0 || entry.block_hashes || entry.identity || !entry.bad_blocks.empty();
  if (entry.kind != FileKind::file && has_content) return "it has content but is no file";
  if (!entry.crc_known && (entry.kind != FileKind::file || entry.crc32c != 0)) return "its CRC-32C is not to be known";
  if (entry.block_hashes && !fits(*entry.block_hashes, entry.size)) return "its block hashes and its size disagree";
  if (entry.identity && entry.identity->inode == 0) return "its inode is 0";
  if (std::adjacent_find(entry.bad_blocks.begin(), entry.bad_blocks.end(), std::greater_equal<>()) !=
      entry.bad_blocks.end()) {
    return "its bad blocks are not in order";
  }
  return std::nullopt;
}

void write_body(const FileEntry& entry, Bytes& out) {
  ByteWriter writer(out);
  writer.u8(entry.crc_known ? static_cast<uint8_t>(entry.kind) : kFileWithoutCrc);
  writer.varint(entry.set);
  writer.text(entry.path);
  writer.varint(entry.uid);
  writer.varint(entry.gid);
  writer.text(entry.owner);
  writer.text(entry.group);
  writer.varint(entry.mode);
  writer.varint(zigzag(entry.mtime_ns));
  writer.varint(entry.size);
  writer.u32(entry.crc32c);
  writer.text(entry.link_target);
  writer.varint(entry.attributes.size());
  for (const auto& attribute : entry.attributes) {
    writer.text(attribute.name);
    writer.text(attribute.value);
  }
  encode_frame_runs(entry.content, out);
  writer.varint(entry.block_hashes ? entry.block_hashes->offset + 1 : 0);
  if (entry.block_hashes) {
    writer.varint(entry.block_hashes->count);
    writer.varint(entry.block_hashes->block_size);
  }
  writer.varint(entry.identity ? entry.identity->inode : 0);
  if (entry.identity) writer.varint(zigzag(entry.identity->ctime_ns));
  writer.varint(entry.bad_blocks.size());
  uint32_t previous = 0;
  for (auto block : entry.bad_blocks) writer.varint(block - std::exchange(previous, block));
}

Result<uint32_t> read_u32(ByteReader& reader) {
  auto value = TRY(reader.varint());
  if (value > UINT32_MAX) return Error(ErrorKind::corrupt, "a number of a file record is out of range");
  return static_cast<uint32_t>(value);
}

Result<std::string> read_text(ByteReader& reader, size_t max_size) {
  auto text = TRY(reader.text(max_size));
  return std::string(text);
}

Result<void> read_attributes(ByteReader& reader, FileEntry& entry) {
  auto count = TRY(reader.varint());
  if (count > kAttributesMax) return Error(ErrorKind::corrupt, "a file record has too many extended attributes");
  for (uint64_t i = 0; i < count; ++i) {
    FileEntry::Attribute attribute;
    attribute.name = TRY(read_text(reader, kNameMax));
    attribute.value = TRY(read_text(reader, kAttributeValueMax));
    entry.attributes.push_back(std::move(attribute));
  }
  return ok();
}

Result<void> read_bad_blocks(ByteReader& reader, FileEntry& entry) {
  auto count = TRY(reader.varint());
  if (count > reader.remaining()) return Error(ErrorKind::corrupt, "a file record claims impossible bad blocks");
  uint64_t block = 0;
  for (uint64_t i = 0; i < count; ++i) {
    auto difference = TRY(reader.varint());
    if (difference > UINT32_MAX - block) return Error(ErrorKind::corrupt, "a bad block is out of range");
    block += difference;
    entry.bad_blocks.push_back(static_cast<uint32_t>(block));
  }
  return ok();
}

Result<void> read_fields(ByteReader& reader, FileEntry& entry) {
  auto kind = TRY(reader.u8());
  if (kind > kFileWithoutCrc) {
    return Error(ErrorKind::corrupt, "a file record has the unknown kind " + std::to_string(kind));
  }
  entry.crc_known = kind != kFileWithoutCrc;
  entry.kind = entry.crc_known ? static_cast<FileKind>(kind) : FileKind::file;
  entry.set = TRY(read_u32(reader));
  entry.path = TRY(read_text(reader, kPathMax));
  entry.uid = TRY(read_u32(reader));
  entry.gid = TRY(read_u32(reader));
  entry.owner = TRY(read_text(reader, kNameMax));
  entry.group = TRY(read_text(reader, kNameMax));
  entry.mode = TRY(read_u32(reader));
  auto mtime = TRY(reader.varint());
  entry.mtime_ns = unzigzag(mtime);
  entry.size = TRY(reader.varint());
  entry.crc32c = TRY(reader.u32());
  entry.link_target = TRY(read_text(reader, kPathMax));
  TRY(read_attributes(reader, entry));
  entry.content = TRY(decode_frame_runs(reader));
  auto hashes = TRY(reader.varint());
  if (hashes != 0) {
    auto count = TRY(reader.varint());
    auto block_size = TRY(read_u32(reader));
    entry.block_hashes = BlockHashes{hashes - 1, count, block_size};
  }
  auto inode = TRY(reader.varint());
  if (inode != 0) {
    auto ctime = TRY(reader.varint());
    entry.identity = FileIdentity{inode, unzigzag(ctime)};
  }
  TRY(read_bad_blocks(reader, entry));
  return reader.expect_end();
}

/// A name from the repository, safe to print.
std::string printable(std::string_view path) {
  std::string text;
  for (char c : path) text += (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) ? '?' : c;
  return text;
}

/// A varint's value and width at the front of `bytes`; nullopt when more bytes are needed.
struct Prefix {
  uint64_t value = 0;
  size_t width = 0;
};
Result<std::optional<Prefix>> read_length(ByteView bytes) {
  Prefix prefix;
  for (; prefix.width < bytes.size();) {
    auto byte = static_cast<uint8_t>(bytes[prefix.width]);
    prefix.value |= uint64_t{byte & 0x7fu} << (7 * prefix.width);
    ++prefix.width;
    if ((byte & 0x80) == 0) {
      if (prefix.value > kFileRecordMax) return Error(ErrorKind::corrupt, "a file record is longer than any may be");
      return std::optional(prefix);
    }
    if (prefix.width == 5) return Error(ErrorKind::corrupt, "a file record is longer than any may be");
  }
  return std::optional<Prefix>();
}

}  // namespace

std::string_view to_string(FileKind kind) {
  switch (kind) {
    case FileKind::directory:
      return "directory";
    case FileKind::file:
      return "file";
    case FileKind::symbolic_link:
      return "symbolic link";
    case FileKind::hard_link:
      return "hard link";
  }
  return "unknown";
}

Result<void> encode_file_entry(const FileEntry& entry, Bytes& out) {
  if (auto fault = find_fault(entry)) {
    return Error(ErrorKind::invalid, "'" + printable(entry.path) + "' cannot be recorded: " + *fault);
  }
  Bytes body;
  write_body(entry, body);
  if (body.size() > kFileRecordMax) {
    return Error(ErrorKind::invalid, "'" + printable(entry.path) + "' has too many frames for one record");
  }
  ByteWriter writer(out);
  writer.varint(body.size());
  writer.raw(body);
  return ok();
}

Result<FileEntry> decode_file_entry(ByteView record) {
  FileEntry entry;
  ByteReader reader(record);
  auto read = read_fields(reader, entry);
  if (!read) return std::move(read).error().with_context("file record '" + printable(entry.path) + "'");
  if (auto fault = find_fault(entry)) {
    return Error(ErrorKind::corrupt, "file record '" + printable(entry.path) + "': " + *fault);
  }
  return entry;
}

Result<void> FileTableParser::feed(ByteView piece, const Visitor& visit) {
  pending_.insert(pending_.end(), piece.begin(), piece.end());
  ByteView rest = pending_;
  while (true) {
    auto length = TRY(read_length(rest));
    if (!length || rest.size() - length->width < length->value) break;
    auto entry = TRY(decode_file_entry(rest.subspan(length->width, length->value)));
    ++entries_;
    place_ = {pending_offset_ + (pending_.size() - rest.size()) + length->width, length->value};
    TRY(visit(entry));
    rest = rest.subspan(length->width + length->value);
  }
  pending_offset_ += pending_.size() - rest.size();
  pending_.erase(pending_.begin(), pending_.end() - static_cast<std::ptrdiff_t>(rest.size()));
  return ok();
}

Result<void> FileTableParser::finish() const {
  if (!pending_.empty()) return Error(ErrorKind::corrupt, "the file table ends inside a record");
  return ok();
}

}  // namespace spendsync::repository
