#include "repository/file_table.h"

#include <algorithm>

#include "base/testing.h"
#include "fuzz/targets.h"
#include "repository/placement.h"

namespace spendsync::fuzz {
namespace {

using repository::FileEntry;

bool leads_elsewhere(const std::string& path) {
  return path.empty() || path.front() == '/' || path == ".." || path.starts_with("../") || path.ends_with("/..") ||
         path.find("/../") != std::string::npos || path.find('\0') != std::string::npos;
}

/// What the parser hands over and what the restore makes of it never leads out of the target.
Result<void> judge(const repository::ClusterPlacement& placement, const FileEntry& entry) {
  require(!leads_elsewhere(entry.path), "the parser takes no path that leads elsewhere");
  Bytes again;
  require(repository::encode_file_entry(entry, again).has_value(), "what was read can be written");
  if (entry.set != 0 || !repository::check_path(entry)) return ok();
  const auto placed = placement.place(entry);
  if (placed && placed->action != repository::Placement::Action::skip) {
    require(!leads_elsewhere(placed->path), "nothing is placed elsewhere");
  }
  return ok();
}

bool reads(ByteView input) {
  static const repository::ClusterPlacement placement([] {
    repository::ManifestSummary summary;
    summary.tablespaces = {{16500, "/mnt/fast"}, {16501, ""}};
    return summary;
  }());
  if (input.empty()) return false;
  const size_t piece = 1 + static_cast<size_t>(input[0]);  // however the stream is cut
  input = input.subspan(1);
  repository::FileTableParser parser;
  while (!input.empty()) {
    const auto part = input.first(std::min(piece, input.size()));
    input = input.subspan(part.size());
    if (!parser.feed(part, [](const FileEntry& entry) { return judge(placement, entry); })) return false;
  }
  return parser.finish().has_value() && parser.entries() > 0;
}

FileEntry sample_file() {
  FileEntry entry;
  entry.path = "base/5/16384";
  entry.owner = "postgres";
  entry.mode = 0600;
  entry.mtime_ns = 1'500'000'000'123'456'789;
  entry.attributes = {{"security.selinux", std::string("a\0b", 3)}, {"user.x", ""}};
  uint64_t offset = 96;
  for (uint32_t i = 0; i < 5; ++i) {
    repository::FrameRef frame;
    frame.pack = 3;
    frame.number = i;
    frame.offset = offset;
    frame.stored_size = 1000 + i;
    frame.raw_size = 8192;
    entry.content.add(frame);
    offset += 1028 + i;
  }
  entry.size = entry.content.length();
  entry.block_hashes = repository::BlockHashes{80, 5, 8192};
  entry.identity = repository::FileIdentity{4711, 1'500'000'000'123'456'789};
  entry.bad_blocks = {0, 3, 4};
  return entry;
}

Bytes sample(std::byte cut, const std::vector<FileEntry>& entries) {
  Bytes bytes{cut};
  for (const auto& entry : entries) MUST(repository::encode_file_entry(entry, bytes));
  return bytes;
}

}  // namespace

Target file_table_target() {
  FileEntry directory;
  directory.kind = repository::FileKind::directory;
  directory.path = "pg_tblspc/16500/PG_15_202209061";
  directory.mode = 0700;
  FileEntry link;
  link.kind = repository::FileKind::symbolic_link;
  link.path = "pg_tblspc/16500";
  link.link_target = "/mnt/fast";
  FileEntry hard;
  hard.set = 1;
  hard.kind = repository::FileKind::hard_link;
  hard.path = "etc/b";
  hard.link_target = "etc/a";
  auto file = sample_file();
  auto whole = sample(std::byte{0xFF}, {directory, link, file, hard});
  auto cut = whole;
  cut.pop_back();
  return {"file_table",
          reads,
          {whole, sample(std::byte{0}, {file, link})},
          {Bytes{}, cut},
          {"../", "/", "..", "global/pg_control"}};
}

}  // namespace spendsync::fuzz
