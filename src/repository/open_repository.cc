// Opening and creating: `repository`, the first keys, `identity`, in that order (docs/format/repository.md).
#include <algorithm>

#include "base/condition.h"
#include "base/json.h"
#include "base/time.h"
#include "crypto/digest.h"
#include "repository/record_json.h"
#include "repository/remembered.h"
#include "repository/repository.h"
#include "repository/rollback.h"

namespace spendsync::repository {

using storage::ObjectKey;

namespace {

constexpr uint64_t kRepositoryMax = 4096;
constexpr uint64_t kIdentityMax = 64u << 10;
constexpr uint64_t kVersion = 1;
constexpr std::string_view kFormat = "spendsync-backup";

struct RepositoryObject {
  std::string id;
  std::array<std::byte, 32> digest{};
};

struct IdentityDocument {
  ClusterIdentity identity;
  std::vector<SystemIdentifier> adopted;
  Timestamp created{};
};

/// `,"checksum":"<64 hexadecimal digits>"}`: the object is clear, so this alone tells damage from another repository.
std::string checksum_member(std::string_view before) {
  return ",\"checksum\":\"" + to_hex(crypto::sha256(as_bytes(before))) + "\"}";
}

Result<void> check_checksum(std::string_view text) {
  auto size = checksum_member({}).size();
  if (text.size() < size) return Error(ErrorKind::corrupt, "it is cut");
  auto before = text.substr(0, text.size() - size);
  if (text.substr(before.size()) == checksum_member(before)) return ok();
  return Error(ErrorKind::corrupt, "it is damaged: its checksum does not match")
      .with_hint("restore that object from the other region or a copy; without it nothing there can be opened");
}

Result<RepositoryObject> parse_repository_object(ByteView bytes) {
  TRY(check_checksum(as_text(bytes)));
  auto json = TRY(parse_object(bytes));
  auto format = TRY(json.text("format"));
  auto version = TRY(json.unsigned_integer("version"));
  RepositoryObject object;
  object.id = TRY(json.text("id"));
  TRY(read_time(json, "created"));
  if (format != kFormat) return Error(ErrorKind::corrupt, "not a repository of this program");
  if (version > kVersion) {
    return Error(ErrorKind::unsupported, "the repository has format version " + std::to_string(version) +
                                             "; this program knows up to " + std::to_string(kVersion))
        .with_condition(Condition::newer_format)
        .with_hint("use a newer version of the program");
  }
  auto id = from_hex(object.id);
  if (version == 0 || !id || id->size() != 16) return Error(ErrorKind::corrupt, "the repository object is damaged");
  object.digest = crypto::sha256(bytes);
  return object;
}

std::string encode_identity(const ClusterIdentity& identity, const std::vector<SystemIdentifier>& adopted,
                            Timestamp created) {
  auto json = Json::object();
  json.set("cluster", identity.cluster);
  json.set("system_identifier", identity.system_identifier.to_string());
  json.set("major_version", identity.major_version);
  json.set("catalog_version", identity.catalog_version);
  json.set("page_size", identity.page_size);
  json.set("wal_segment_size", identity.wal_segment_size);
  json.set("relation_segment_size", identity.relation_segment_size);
  auto others = Json::array();
  for (auto other : adopted) others.push(other.to_string());
  json.set("adopted", std::move(others));
  json.set("created", format_utc(created));
  return json.dump();
}

Result<IdentityDocument> parse_identity(ByteView bytes) {
  auto json = TRY(parse_object(bytes));
  IdentityDocument document;
  auto& identity = document.identity;
  identity.cluster = TRY(json.text("cluster"));
  identity.system_identifier = TRY(read_system_identifier(json, "system_identifier"));
  auto major_version = TRY(read_u32(json, "major_version"));
  if (major_version > INT32_MAX) return Error(ErrorKind::corrupt, "member 'major_version' is out of range");
  identity.major_version = static_cast<int>(major_version);
  identity.catalog_version = TRY(read_u32(json, "catalog_version"));
  identity.page_size = TRY(read_u32(json, "page_size"));
  identity.wal_segment_size = TRY(read_u32(json, "wal_segment_size"));
  identity.relation_segment_size = TRY(json.unsigned_integer("relation_segment_size"));
  auto adopted = TRY(read_texts(json, "adopted"));
  for (const auto& text : adopted) {
    auto other = TRY(SystemIdentifier::parse(text));
    document.adopted.push_back(other);
  }
  document.created = TRY(read_time(json, "created"));
  return document;
}

/// The first difference between what was recorded and what the server is.
Result<void> expect_same(const ClusterIdentity& recorded, const ClusterIdentity& server) {
  auto differs = [&](std::string_view what, uint64_t there, uint64_t here) {
    return Error(ErrorKind::refused, "the repository holds cluster " + recorded.cluster + " with " + std::string(what) +
                                         " " + std::to_string(there) + ", but the server has " + std::to_string(here));
  };
  if (recorded.major_version != server.major_version) {
    return differs("major version", static_cast<uint64_t>(recorded.major_version),
                   static_cast<uint64_t>(server.major_version));
  }
  if (recorded.catalog_version != server.catalog_version) {
    return differs("catalog version", recorded.catalog_version, server.catalog_version);
  }
  if (recorded.page_size != server.page_size) return differs("page size", recorded.page_size, server.page_size);
  if (recorded.wal_segment_size != server.wal_segment_size) {
    return differs("WAL segment size", recorded.wal_segment_size, server.wal_segment_size)
        .with_hint("pg_resetwal --wal-segsize was used: back up under another cluster name");
  }
  if (recorded.relation_segment_size != server.relation_segment_size) {
    return differs("relation segment size", recorded.relation_segment_size, server.relation_segment_size);
  }
  return ok();
}

bool contains(const std::vector<SystemIdentifier>& list, SystemIdentifier wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

Error wrong_server(const std::string& cluster, SystemIdentifier there, SystemIdentifier here) {
  return Error(ErrorKind::refused, "cluster " + cluster + " of this repository is the server with system identifier " +
                                       there.to_string() + ", not " + here.to_string())
      .with_condition(Condition::another_server)
      .with_hint("if the new server replaces the old one, run: cluster adopt");
}

/// Whether anything lies in the store.
Result<bool> holds_anything(storage::ObjectStore& store) {
  auto names = TRY(store.list_level(""));
  return !names.empty();
}

}  // namespace

/// The steps of both ways of opening.
class RepositoryOpener {
 public:
  RepositoryOpener(Repository::Settings settings, Collaborators collaborators)
      : settings_(std::move(settings)), collaborators_(std::move(collaborators)) {}

  Result<std::unique_ptr<Repository>> open_for_writing(const ClusterIdentity& identity) {
    TRY(check_cluster_name(settings_.cluster));
    if (identity.cluster != settings_.cluster) return Error(ErrorKind::invalid, "two cluster names were given");
    object_ = TRY(read_or_create_repository());
    auto repository = make_repository(identity.system_identifier);
    TRY(expect_no_rollback(*repository));
    auto document = read_identity(*repository);
    if (!document && document.error().is(ErrorKind::not_found)) {
      TRY(refuse_other_identifiers(identity.system_identifier, {}));
      document = create_identity(*repository, identity, {});
    }
    auto recorded = TRY(std::move(document));
    TRY(refuse_other_identifiers(identity.system_identifier, recorded.adopted));
    TRY(expect_same(recorded.identity, identity));
    take_identity(*repository, std::move(recorded));
    remember(*repository);
    return repository;
  }

  Result<void> check_place() {
    TRY(check_cluster_name(settings_.cluster));
    TRY(find_remembered());
    return ok();
  }

  Result<std::unique_ptr<Repository>> open_for_reading(std::optional<SystemIdentifier> system_identifier) {
    TRY(check_cluster_name(settings_.cluster));
    object_ = TRY(read_repository());
    if (!system_identifier) system_identifier = TRY(only_identifier());
    auto repository = make_repository(*system_identifier);
    auto document = read_identity(*repository);
    if (!document && document.error().is(ErrorKind::not_found)) TRY(expect_newest_seen(*repository));
    auto recorded = TRY_CONTEXT(std::move(document), "cluster " + repository->layout().path().text());
    take_identity(*repository, std::move(recorded));
    return repository;
  }

  Result<std::vector<ClusterFolder>> list_folders() {
    TRY(check_cluster_name(settings_.cluster));
    auto object = TRY(find_repository());
    if (!object) return std::vector<ClusterFolder>();
    object_ = *std::move(object);
    auto identifiers = TRY(other_identifiers(std::nullopt));
    std::vector<ClusterFolder> folders;
    for (auto identifier : identifiers) {
      auto repository = make_repository(identifier);
      auto document = TRY_CONTEXT(read_identity(*repository), "cluster " + repository->layout().path().text());
      folders.push_back({std::move(document.identity), std::move(document.adopted), document.created});
    }
    std::sort(folders.begin(), folders.end(), [](const auto& a, const auto& b) { return a.created < b.created; });
    return folders;
  }

  Result<std::vector<std::unique_ptr<Repository>>> open_remembered() {
    TRY(check_cluster_name(settings_.cluster));
    object_ = TRY(read_repository());
    std::vector<std::unique_ptr<Repository>> handles;
    const auto servers = TRY(find_remembered_servers(settings_));
    for (auto server : servers) handles.push_back(make_repository(server));
    return handles;
  }

  std::unique_ptr<Repository> sibling(const Repository& of, SystemIdentifier server) {
    object_ = {of.id_, of.digest_};
    return make_repository(server);
  }

  Result<std::unique_ptr<Repository>> adopt(const ClusterIdentity& identity) {
    TRY(check_cluster_name(settings_.cluster));
    TRY(find_remembered());
    object_ = TRY(read_repository());
    auto others = TRY(other_identifiers(identity.system_identifier));
    if (others.empty()) {
      return Error(ErrorKind::not_found, "the repository holds no other server under " + settings_.cluster);
    }
    auto repository = make_repository(identity.system_identifier);
    if (auto went_back = TRY(find_rollback(*repository))) return *std::move(went_back);
    auto document = read_identity(*repository);
    if (!document && document.error().is(ErrorKind::not_found)) {
      document = create_identity(*repository, identity, others);
    }
    auto recorded = TRY(std::move(document));
    TRY(expect_same(recorded.identity, identity));
    for (auto other : others) {
      if (contains(recorded.adopted, other)) continue;
      return Error(ErrorKind::conflict, "server " + identity.system_identifier.to_string() + " has a folder already, " +
                                            "and it did not adopt " + other.to_string())
          .with_hint("two servers were backed up under one name at once: give one of them another cluster name");
    }
    take_identity(*repository, std::move(recorded));
    return repository;
  }

 private:
  storage::ObjectStore& store() { return collaborators_.store; }

  Result<RepositoryObject> read_repository() {
    auto found = TRY(find_repository());
    if (found) return *found;
    return Error(ErrorKind::not_found, "no repository at " + store().description())
        .with_condition(Condition::repository_missing)
        .with_hint("the first backup creates it; if there should be one, check storage in the configuration");
  }

  /// nullopt: nothing is there at all. Missing beside other objects is refused: creating a new one would make all
  /// that is there unreadable for good.
  Result<std::optional<RepositoryObject>> find_repository() {
    auto object = try_repository();
    if (object) return std::optional(*std::move(object));
    if (!object.error().is(ErrorKind::not_found)) return std::move(object).error();
    auto holds = TRY(holds_anything(store()));
    if (!holds) return std::optional<RepositoryObject>();
    auto again = try_repository();  // another creator may have come between
    if (again) return std::optional(*std::move(again));
    if (!again.error().is(ErrorKind::not_found)) return std::move(again).error();
    return Error(ErrorKind::refused,
                 "the object 'repository' is missing at " + store().description() + ", but other objects are there")
        .with_condition(Condition::repository_object_missing)
        .with_hint("restore that object from the other region or a copy; without it nothing there can be opened");
  }

  Result<RepositoryObject> try_repository() {
    auto bytes = TRY_CONTEXT(store().get(repository_key(), kRepositoryMax), "reading repository");
    return TRY_CONTEXT(parse_repository_object(bytes), "object repository");
  }

  /// For those who write.
  Result<std::optional<RepositoryObject>> find_remembered() {
    auto found = TRY(find_repository());
    auto id = found ? std::optional(found->id) : std::nullopt;
    TRY(expect_remembered(settings_, id, store().description()));
    return found;
  }

  Result<RepositoryObject> read_or_create_repository() {
    auto found = TRY(find_remembered());
    if (found) return *found;
    std::array<std::byte, 16> id;
    collaborators_.random.fill(id);
    auto json = Json::object();
    json.set("format", kFormat);
    json.set("version", kVersion);
    json.set("id", to_hex(id));
    json.set("created", format_utc(collaborators_.clock.now()));
    auto text = json.dump();
    text.pop_back();  // the brace that checksum_member puts back
    text += checksum_member(text);
    auto put = store().put_if_absent(repository_key(), as_bytes(text));
    if (!put && !put.error().is(ErrorKind::already_exists)) {
      return std::move(put).error().with_context("creating the repository at " + store().description());
    }
    return try_repository();  // what the first creator wrote, whoever that was
  }

  std::unique_ptr<Repository> make_repository(SystemIdentifier system_identifier) {
    Layout layout({settings_.cluster, system_identifier});
    std::unique_ptr<Repository> repository(new Repository(settings_, collaborators_, layout));
    repository->id_ = object_.id;
    repository->digest_ = object_.digest;
    KeyRing::Settings keys;
    keys.repository_id = object_.id;
    keys.state_directory = settings_.state_directory;
    repository->keys_ =
        std::make_unique<KeyRing>(std::move(keys), layout, collaborators_.store, collaborators_.wrappers,
                                  collaborators_.random, collaborators_.clock, collaborators_.log);
    return repository;
  }

  static void take_identity(Repository& repository, IdentityDocument document) {
    repository.identity_ = std::move(document.identity);
    repository.adopted_ = std::move(document.adopted);
  }

  /// Errors: not_found when the folder is new (nothing but keys in it); corrupt when it should be there.
  Result<IdentityDocument> read_identity(Repository& repository) {
    auto key = repository.layout().identity();
    auto bytes = repository.get_document(ObjectType::identity, key, kIdentityMax);
    if (!bytes && bytes.error().is(ErrorKind::not_found)) {
      auto names = TRY(store().list_level(repository.layout().base()));
      bool only_keys = std::all_of(names.begin(), names.end(), [](const auto& name) { return name == "keys/"; });
      if (only_keys) return std::move(bytes).error();
      bytes = repository.get_document(ObjectType::identity, key, kIdentityMax);  // made meanwhile by another creator
      if (!bytes && bytes.error().is(ErrorKind::not_found)) {
        return Error(ErrorKind::corrupt, key.text() + " is missing, but other objects of the cluster are there");
      }
    }
    auto content = TRY(std::move(bytes));
    auto document = TRY_CONTEXT(parse_identity(content), key.text());
    const auto& path = repository.layout().path();
    if (document.identity.cluster != path.cluster || document.identity.system_identifier != path.system_identifier) {
      return Error(ErrorKind::corrupt, key.text() + " describes another cluster");
    }
    return document;
  }

  /// Keys first: an identity whose keys were lost to a kill could never be opened.
  Result<IdentityDocument> create_identity(Repository& repository, const ClusterIdentity& identity,
                                           const std::vector<SystemIdentifier>& adopted) {
    auto keys = TRY(repository.keys().create_pair("identity"));
    auto content = encode_identity(identity, adopted, collaborators_.clock.now());
    auto key = repository.layout().identity();
    auto put = repository.put_document({ObjectType::identity, key, as_bytes(content)}, keys.meta);
    // conflict: another creator came first; what it wrote counts.
    if (!put && !put.error().is(ErrorKind::conflict)) return std::move(put).error();
    return read_identity(repository);
  }

  /// System identifiers below this cluster's name that hold a cluster, but for `own`.
  Result<std::vector<SystemIdentifier>> other_identifiers(std::optional<SystemIdentifier> own) {
    std::vector<SystemIdentifier> others;
    auto names = TRY(store().list_level(settings_.cluster + "/"));
    for (const auto& name : names) {
      if (name.empty() || name.back() != '/') continue;
      auto identifier = SystemIdentifier::parse(std::string_view(name).substr(0, name.size() - 1));
      if (!identifier || identifier->to_string() + "/" != name || (own && *identifier == *own)) continue;
      // A folder of nothing but keys is a creation that never ended; one that holds more counts, damaged or not.
      auto inside = TRY(store().list_level(settings_.cluster + "/" + name));
      bool only_keys = std::all_of(inside.begin(), inside.end(), [](const auto& entry) { return entry == "keys/"; });
      if (!only_keys) others.push_back(*identifier);
    }
    return others;
  }

  Result<std::vector<SystemIdentifier>> adopted_by(SystemIdentifier identifier) {
    auto repository = make_repository(identifier);
    auto document = TRY(read_identity(*repository));
    return document.adopted;
  }

  /// Of two creators with different servers under one name both find the other here and refuse: a person decides.
  Result<void> refuse_other_identifiers(SystemIdentifier own, const std::vector<SystemIdentifier>& adopted) {
    auto others = TRY(other_identifiers(own));
    for (auto other : others) {
      if (contains(adopted, other)) continue;
      auto theirs = TRY(adopted_by(other));
      if (!contains(theirs, own)) return wrong_server(settings_.cluster, other, own);
    }
    return ok();
  }

  Result<SystemIdentifier> only_identifier() {
    auto all = TRY(other_identifiers(std::nullopt));
    if (all.empty()) {
      for (auto server : remembered_servers(settings_)) TRY(expect_newest_seen(*make_repository(server)));
      return Error(ErrorKind::not_found, "the repository holds no cluster " + settings_.cluster)
          .with_condition(Condition::cluster_missing)
          .with_hint(
              "its first backup makes it (backup full); if there should be one, check the name under cluster in "
              "the configuration");
    }
    if (all.size() == 1) return all.front();
    std::string names;
    for (auto identifier : all) {
      auto adopted = TRY(adopted_by(identifier));
      bool newest = std::all_of(all.begin(), all.end(),
                                [&](auto other) { return other == identifier || contains(adopted, other); });
      if (newest) return identifier;
      names += (names.empty() ? "" : ", ") + identifier.to_string();
    }
    return Error(ErrorKind::invalid, "cluster " + settings_.cluster + " holds several servers: " + names)
        .with_hint("name the system identifier");
  }

  Repository::Settings settings_;
  Collaborators collaborators_;
  RepositoryObject object_;
};

Result<std::unique_ptr<Repository>> Repository::open_for_writing(Settings settings, const ClusterIdentity& identity,
                                                                 Collaborators collaborators) {
  return RepositoryOpener(std::move(settings), std::move(collaborators)).open_for_writing(identity);
}

Result<std::unique_ptr<Repository>> Repository::open_for_reading(Settings settings,
                                                                 std::optional<SystemIdentifier> system_identifier,
                                                                 Collaborators collaborators) {
  return RepositoryOpener(std::move(settings), std::move(collaborators)).open_for_reading(system_identifier);
}

Result<std::vector<std::unique_ptr<Repository>>> Repository::open_remembered(Settings settings,
                                                                             Collaborators collaborators) {
  return RepositoryOpener(std::move(settings), std::move(collaborators)).open_remembered();
}

std::unique_ptr<Repository> Repository::of_server(SystemIdentifier server) const {
  return RepositoryOpener(settings_, collaborators_).sibling(*this, server);
}

Result<void> check_place(const Repository::Settings& settings, const Collaborators& collaborators) {
  return RepositoryOpener(settings, collaborators).check_place();
}

Result<std::vector<ClusterFolder>> Repository::list_folders(Settings settings, Collaborators collaborators) {
  return RepositoryOpener(std::move(settings), std::move(collaborators)).list_folders();
}

Result<std::unique_ptr<Repository>> Repository::adopt(Settings settings, const ClusterIdentity& identity,
                                                      Collaborators collaborators) {
  return RepositoryOpener(std::move(settings), std::move(collaborators)).adopt(identity);
}

}  // namespace spendsync::repository
