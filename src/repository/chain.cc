#include "repository/chain.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "base/file.h"
#include "base/json.h"
#include "repository/catalog.h"
#include "repository/record_json.h"

namespace spendsync::repository {

using storage::ObjectKey;

namespace {

std::string newest_seen_path(const Repository& repository) {
  const auto& path = repository.layout().path();
  return repository.state_directory() + "/newest-" + path.cluster + "-" + path.system_identifier.to_string() + ".json";
}

Result<std::string> read_state(const Repository& repository) {
  constexpr size_t kStateMax = 16u << 10;
  return read_text_file(newest_seen_path(repository), kStateMax);
}

Result<NewestSeen> parse_newest_seen(const Repository& repository, const std::string& text) {
  auto json = TRY(parse_object(as_bytes(text)));
  auto id = TRY(json.text("repository"));
  if (id != repository.id()) return Error(ErrorKind::conflict, "the state is of another repository");
  NewestSeen seen;
  seen.sequence = TRY(json.unsigned_integer("sequence"));
  seen.record.key = TRY(json.text("key"));
  seen.record.digest = TRY(read_digest(json, "sha256"));
  return seen;
}

Result<NewestSeen> load_newest_seen(const Repository& repository) {
  const auto text = TRY(read_state(repository));
  return parse_newest_seen(repository, text);
}

}  // namespace

Result<std::optional<NewestSeen>> find_newest_seen(const Repository& repository) {
  std::optional<NewestSeen> nothing;
  if (repository.state_directory().empty()) return nothing;
  auto text = read_state(repository);
  if (!text && text.error().is(ErrorKind::not_found)) return nothing;
  const auto there = TRY(std::move(text));
  auto seen = parse_newest_seen(repository, there);
  if (!seen) return nothing;
  return std::optional(*std::move(seen));
}

std::optional<NewestSeen> read_newest_seen(const Repository& repository) {
  auto seen = find_newest_seen(repository);
  if (seen) return *std::move(seen);
  return std::nullopt;
}

Result<bool> is_there_or_expired(Repository& repository, const std::string& text) {
  auto key = TRY(ObjectKey::parse(text));
  auto info = repository.store().stat(key);
  if (info) return true;
  if (!info.error().is(ErrorKind::not_found)) return std::move(info).error();
  if (!text.starts_with(repository.layout().base())) return false;  // has no place for a tombstone
  auto expired = repository.is_tombstoned(key);
  // A tombstone that proves nothing must not keep anybody from a backup for good: what it was said of counts as gone.
  if (!expired && (expired.error().is(ErrorKind::corrupt) || expired.error().is(ErrorKind::refused))) return false;
  return expired;
}

void remember_newest_seen(Repository& repository, const NewestSeen& seen) {
  if (repository.state_directory().empty()) return;
  auto forgotten = [&](const Error& why) {
    repository.log().debug("the newest record was not remembered", {{"why", why.message()}});
  };
  auto before = load_newest_seen(repository);
  if (before && before->sequence >= seen.sequence) return;
  if (!before && before.error().is(ErrorKind::conflict)) return forgotten(before.error());
  if (before) {
    auto kept = is_there_or_expired(repository, before->record.key);
    if (!kept) return forgotten(kept.error());
    if (!*kept) return forgotten(Error(ErrorKind::refused, before->record.key + " was seen and has vanished"));
  }
  auto written = replace_newest_seen(repository, seen);
  if (!written) forgotten(written.error());
}

Result<void> replace_newest_seen(Repository& repository, const std::optional<NewestSeen>& seen) {
  const auto path = newest_seen_path(repository);
  if (!seen) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::from_errno(errno, "removing " + path);
    return ok();
  }
  auto json = Json::object();
  json.set("repository", repository.id());
  json.set("sequence", seen->sequence);
  json.set("key", seen->record.key);
  json.set("sha256", to_hex(seen->record.digest));
  return replace_file(path, as_bytes(json.dump()), 0600);
}

Result<crypto::Sha256Digest> digest_object(storage::ObjectStore& store, const ObjectKey& key, std::stop_token stop) {
  constexpr size_t kPiece = 4u << 20;
  auto info = TRY(store.stat(key));
  crypto::Sha256 hash;
  Bytes piece;
  for (uint64_t offset = 0; offset < info.size; offset += piece.size()) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    piece.resize(std::min<uint64_t>(kPiece, info.size - offset));
    TRY(store.get_range(key, offset, piece));
    hash.update(piece);
  }
  return hash.finish();
}

Result<ChainLink> next_link(Repository& repository, const Catalog& catalog, std::stop_token stop) {
  auto seen = read_newest_seen(repository);
  ChainLink link;
  link.sequence = std::max(catalog.newest_sequence(), seen ? seen->sequence : 0) + 1;
  for (const auto& head : catalog.heads(repository.layout())) {
    auto key = TRY(ObjectKey::parse(head));
    auto digest = digest_object(repository.store(), key, stop);
    if (!digest && digest.error().is(ErrorKind::not_found)) continue;  // expired since the catalog was loaded
    auto known = TRY(std::move(digest));
    link.predecessors.push_back({head, known});
  }
  return link;
}

namespace {

/// Compares citations with what is there; asks the store once a record.
class ChainCheck {
 public:
  ChainCheck(Repository& repository, std::stop_token stop) : repository_(repository), stop_(stop) {}

  Result<void> cited(const RecordRef& record, const std::string& by) {
    auto present = TRY(digest_of(record.key));
    if (!present) {
      auto tombstoned = TRY(is_tombstoned(record.key));
      if (tombstoned) return ok();
      return find({ChainFinding::Kind::missing, record.key, "it is cited by " + by + " but is not there"});
    }
    if (*present == record.digest) return ok();
    return find({ChainFinding::Kind::changed, record.key, "it is not what " + by + " cites: its bytes have changed"});
  }

  Result<void> seen(const NewestSeen& newest, uint64_t newest_sequence) {
    auto present = TRY(digest_of(newest.record.key));
    if (present && *present != newest.record.digest) {
      return find({ChainFinding::Kind::rolled_back, newest.record.key, "it is not the record that this host has seen"});
    }
    if (present) return ok();
    auto tombstoned = TRY(is_tombstoned(newest.record.key));
    if (tombstoned) return ok();
    return find({ChainFinding::Kind::rolled_back, newest.record.key,
                 "the repository went back: this host has seen record " + std::to_string(newest.sequence) +
                     ", the newest there is " + std::to_string(newest_sequence)});
  }

  std::vector<ChainFinding> take() { return std::move(findings_); }

 private:
  Result<void> find(ChainFinding finding) {
    bool known = std::any_of(findings_.begin(), findings_.end(),
                             [&](const auto& other) { return other.key == finding.key && other.kind == finding.kind; });
    if (!known) findings_.push_back(std::move(finding));
    return ok();
  }

  Result<std::optional<crypto::Sha256Digest>> digest_of(const std::string& text) {
    auto known = digests_.find(text);
    if (known != digests_.end()) return known->second;
    auto key = TRY(ObjectKey::parse(text));
    auto digest = digest_object(repository_.store(), key, stop_);
    if (!digest && !digest.error().is(ErrorKind::not_found)) return std::move(digest).error();
    std::optional<crypto::Sha256Digest> result;
    if (digest) result = *digest;
    digests_[text] = result;
    return result;
  }

  Result<bool> is_tombstoned(const std::string& text) {
    auto key = TRY(ObjectKey::parse(text));
    if (text.substr(0, repository_.layout().base().size()) != repository_.layout().base()) return false;
    return repository_.is_tombstoned(key);
  }

  Repository& repository_;
  std::stop_token stop_;
  std::map<std::string, std::optional<crypto::Sha256Digest>> digests_;
  std::vector<ChainFinding> findings_;
};

}  // namespace

std::optional<ObjectKey> newest_record(const Layout& layout, const Catalog& catalog) {
  uint64_t sequence = 0;
  std::optional<ObjectKey> newest;
  auto offer = [&](const ChainLink& link, ObjectKey candidate) {
    if (link.sequence < sequence) return;
    sequence = link.sequence;
    newest = std::move(candidate);
  };
  for (const auto& entry : catalog.backups()) {
    if (entry.summary) offer(entry.summary->chain, layout.manifest(entry.label));
  }
  for (const auto& entry : catalog.logs()) {
    if (entry.record) offer(entry.record->chain, layout.log(entry.label));
  }
  return newest;
}

Result<std::vector<ChainFinding>> check_chain(Repository& repository, const Catalog& catalog, std::stop_token stop) {
  ChainCheck check(repository, stop);
  auto check_link = [&](const ChainLink& link, const ObjectKey& key) -> Result<void> {
    for (const auto& record : link.predecessors) TRY(check.cited(record, key.text()));
    return ok();
  };
  for (const auto& entry : catalog.backups()) {
    if (entry.summary) TRY(check_link(entry.summary->chain, repository.layout().manifest(entry.label)));
  }
  for (const auto& entry : catalog.logs()) {
    if (entry.record) TRY(check_link(entry.record->chain, repository.layout().log(entry.label)));
  }
  if (auto seen = read_newest_seen(repository)) TRY(check.seen(*seen, catalog.newest_sequence()));
  auto findings = check.take();
  auto newest = newest_record(repository.layout(), catalog);
  if (findings.empty() && newest) {
    auto digest = TRY(digest_object(repository.store(), *newest, stop));
    remember_newest_seen(repository, {catalog.newest_sequence(), {newest->text(), digest}});
  }
  return findings;
}

}  // namespace spendsync::repository
