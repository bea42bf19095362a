// The frames of a manifest as JSON (docs/format/manifest.md). Inside this folder only.
#pragma once

#include "base/json.h"
#include "repository/manifest.h"

namespace spendsync::repository {

Json chain_json(const ChainLink& link);
Result<ChainLink> read_chain(const Json& object);

Json keys_json(const std::vector<KeyRecord>& keys);
Result<std::vector<KeyRecord>> read_keys(const Json& object);

std::string encode_summary(const ManifestSummary& summary);
/// Errors: corrupt naming the member; unsupported for a newer version.
Result<ManifestSummary> decode_summary(ByteView text);

/// The body as a sequence of JSON objects, each at most 1 MiB.
std::vector<std::string> encode_body(const ManifestBody& body);
/// Takes the body's objects one by one. Errors: corrupt for a wrong order, ids that do not ascend, unknown kinds.
class BodyDecoder {
 public:
  Result<void> feed(ByteView frame);
  /// Errors: corrupt when something is missing or lengths disagree.
  Result<ManifestBody> finish();

 private:
  Result<void> read_server_files(const Json& object);
  Result<void> read_packs(const Json& object);
  Result<void> read_stream(const Json& object);
  ManifestBody body_;
  bool has_server_files_ = false;
};

}  // namespace spendsync::repository
