// The spelling of our values in JSON (docs/format/README.md, "Conventions"). Inside this folder only.
#pragma once

#include <optional>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "crypto/digest.h"
#include "repository/label.h"
#include "repository/log_record.h"

namespace spendsync::repository {

/// All readers: errors are corrupt, naming the member.
Result<Timestamp> read_time(const Json& object, std::string_view name);
Result<Lsn> read_lsn(const Json& object, std::string_view name);
/// nullopt for null or nothing: 16 hexadecimal digits.
Result<std::optional<uint64_t>> read_optional_hex(const Json& object, std::string_view name);
/// nullopt for null or nothing.
Result<std::optional<Lsn>> read_optional_lsn(const Json& object, std::string_view name);
Result<TimelineId> read_timeline(const Json& object, std::string_view name);
Result<SystemIdentifier> read_system_identifier(const Json& object, std::string_view name);
Result<uint32_t> read_u32(const Json& object, std::string_view name);
Result<Label> read_label(const Json& object, std::string_view name);
/// nullopt for null.
Result<std::optional<std::string>> read_optional_text(const Json& object, std::string_view name);
Result<std::vector<std::string>> read_texts(const Json& object, std::string_view name);
Result<crypto::Sha256Digest> parse_digest(std::string_view hex);
Result<crypto::Sha256Digest> read_digest(const Json& object, std::string_view name);
/// An object that must be there and be an object.
Result<const Json*> read_object(const Json& object, std::string_view name);

/// nullopt for null or nothing.
Result<std::optional<CommitPoint>> read_commit(const Json& object, std::string_view name);

Json commit_json(const std::optional<CommitPoint>& commit);
/// 16 hexadecimal digits, or null.
Json optional_hex_json(const std::optional<uint64_t>& number);
Json optional_lsn_json(const std::optional<Lsn>& lsn);
Json texts_json(const std::vector<std::string>& texts);
/// A string where the bytes are valid UTF-8, else {"hex":".."}.
Json bytes_json(std::string_view bytes);
Result<std::string> parse_bytes(const Json& value);
Result<std::string> read_bytes(const Json& object, std::string_view name);
/// Invalid UTF-8 replaced by '?': for text that people read.
std::string valid_text(std::string_view text);

/// Parses an object. Errors: corrupt, also for other values.
Result<Json> parse_object(ByteView text);

}  // namespace spendsync::repository
