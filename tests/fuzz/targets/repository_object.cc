#include "base/testing.h"
#include "crypto/digest.h"
#include "fuzz/targets.h"
#include "repository/testing/sample_repository.h"

namespace spendsync::fuzz {
namespace {

using repository::key_of;

/// A repository whose clear object is replaced by the input.
struct World {
  World() {
    sample.open();
    const auto text = std::string(as_text(MUST(sample.memory.get(key_of("repository"), 1u << 20))));
    original = text.substr(0, text.find(",\"checksum\""));
  }
  repository::SampleWorld sample;
  std::string original;
};

World& world() {
  static World made;
  return made;
}

bool reads(ByteView input) {
  auto& sample = world().sample;
  // With a right checksum, so that what is behind it is reached.
  auto text = std::string(as_text(input));
  text += ",\"checksum\":\"" + to_hex(crypto::sha256(as_bytes(text))) + "\"}";
  sample.memory.overwrite(key_of("repository"), to_bytes(text));
  const auto opened = repository::Repository::open_for_reading(sample.settings, std::nullopt, sample.collaborators());
  if (!opened) return false;
  require(text.starts_with(world().original), "no other repository object opens what was sealed under this one");
  return true;
}

}  // namespace

Target repository_object_target() {
  return {"repository_object",
          reads,
          texts({world().original}),
          texts({"", "{", "{\"format\":\"x\"", "[]"}),
          {"null", "99"}};
}

}  // namespace spendsync::fuzz
