#include <algorithm>

#include "base/testing.h"
#include "fuzz/targets.h"
#include "repository/manifest_json.h"

namespace spendsync::fuzz {
namespace {

/// The objects of a body stand one a line here; in a manifest each is a frame.
bool reads(ByteView input) {
  auto text = as_text(input);
  repository::BodyDecoder decoder;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!decoder.feed(as_bytes(line))) return false;
  }
  const auto body = decoder.finish();
  if (!body) return false;
  for (size_t i = 1; i < body->packs.size(); ++i) {
    require(body->packs[i - 1].id < body->packs[i].id, "packs ascend by id");
  }
  return true;
}

Bytes sample(uint32_t packs) {
  repository::ManifestBody body;
  body.backup_label = std::string("label \0 \xff", 9);
  body.tablespace_map = "16500 /srv/fast\n";
  for (uint32_t i = 0; i < packs; ++i) {
    repository::PackRecord pack;
    pack.id = 2 * i;
    pack.name = {{0x1122334455667788}, i};
    pack.key_class = i % 2 == 0 ? crypto::KeyClass::meta : crypto::KeyClass::data;
    pack.size = 1000;
    pack.index_offset = 900;
    pack.frames = 2;
    body.packs.push_back(pack);
  }
  if (packs > 0) {
    body.file_table.length = 500;
    body.file_table.frames.add({repository::FrameSource::own, 0, 0, 96, 400, 500});
  }
  std::string text;
  for (const auto& object : repository::encode_body(body)) text += object + "\n";
  return to_bytes(text);
}

}  // namespace

Target manifest_body_target() {
  return {"manifest_body", reads, {sample(0), sample(1), sample(9)}, texts({"", "{}", "[1]"}), {"\"kind\":", "\n"}};
}

}  // namespace spendsync::fuzz
