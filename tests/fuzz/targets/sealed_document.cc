#include "repository/sealed_document.h"

#include <algorithm>

#include "base/clock.h"
#include "base/testing.h"
#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

constexpr size_t kContentMax = 4u << 20;

const crypto::SealContext& context() {
  static const crypto::SealContext made{{}, "demo/7300000000000000001", "log", "demo/7300000000000000001/logs/x"};
  return made;
}

const crypto::DataKeyPtr& key() {
  static const crypto::DataKeyPtr made = [] {
    auto result = std::make_shared<crypto::DataKey>();
    result->key_class = crypto::KeyClass::meta;
    return result;
  }();
  return made;
}

Bytes sample(size_t size) {
  SeededRandom random(7);
  std::string content;
  while (content.size() < size) content += "line " + std::to_string(content.size()) + "\n";
  return MUST(repository::seal_document(context(), key(), random, as_bytes(content)));
}

const std::vector<Bytes>& samples() {
  static const std::vector<Bytes> made{sample(0), sample(300), sample(30'000)};
  return made;
}

/// Nobody without the key makes a document that opens.
bool reads(ByteView input) {
  (void)crypto::read_stream_header(input);
  (void)crypto::read_frame_header(input);
  if (!repository::open_document(context(), key(), input, kContentMax)) return false;
  const bool genuine =
      std::ranges::any_of(samples(), [&](const Bytes& sealed) { return std::ranges::equal(sealed, input); });
  require(genuine, "what opens is what was sealed");
  return true;
}

}  // namespace

Target sealed_document_target() {
  auto flipped = samples()[1];
  flipped.back() ^= std::byte{1};
  return {"sealed_document", reads, samples(), {Bytes{}, flipped}, {}};
}

}  // namespace spendsync::fuzz
