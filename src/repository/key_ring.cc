#include "repository/key_ring.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/condition.h"
#include "base/file.h"
#include "base/json.h"
#include "crypto/wrapped_key.h"
#include "repository/record_json.h"

namespace spendsync::repository {

using crypto::DataKey;
using crypto::DataKeyPtr;
using crypto::KeyClass;
using crypto::KeyContext;
using crypto::KeyId;
using crypto::KeyWrapper;
using crypto::WrappedKey;

KeyRing::KeyRing(Settings settings, Layout layout, storage::ObjectStore& store, std::vector<KeyWrapper*> wrappers,
                 RandomSource& random, const Clock& clock, Log& log)
    : settings_(std::move(settings)),
      layout_(std::move(layout)),
      store_(store),
      wrappers_(std::move(wrappers)),
      random_(random),
      clock_(clock),
      log_(log) {}

Result<void> KeyRing::expect_an_opener() const {
  bool can_open = std::any_of(wrappers_.begin(), wrappers_.end(),
                              [](auto* wrapper) { return wrapper->can_open() && !wrapper->is_offline(); });
  if (!can_open) {
    return Error(ErrorKind::refused, "no configured key can open what it seals: nothing could be restored")
        .with_hint("add a key-file or aws-kms key under encryption.keys; an escrow key alone is not enough");
  }
  return ok();
}

Result<RunKeys> KeyRing::create_data_key_beside(const KeyId& meta_key, std::string_view purpose) {
  TRY(expect_an_opener());
  RunKeys keys;
  keys.meta = TRY(find(meta_key));
  if (keys.meta->key_class != KeyClass::meta) return Error(ErrorKind::corrupt, "it is no meta key");
  keys.meta_wraps = TRY(wraps_of(meta_key));
  auto data = TRY_CONTEXT(create_key(KeyClass::data), "making a data key");
  log_.debug("made a data key", {{"purpose", std::string(purpose)}, {"data", data.key->id.to_string()}});
  keys.data = data.key;
  keys.data_wraps = std::move(data.wraps);
  return keys;
}

Result<std::vector<std::string>> KeyRing::wraps_of(const KeyId& id) {
  auto prefix = layout_.key_prefix(id);
  std::vector<std::string> wraps;
  TRY(store_.list(prefix, "", [&](const storage::ObjectInfo& info) {
    wraps.push_back(info.key.text().substr(prefix.size()));
    return ok();
  }));
  return wraps;
}

Result<RunKeys> KeyRing::create_pair(std::string_view purpose) {
  TRY(expect_an_opener());
  auto data = TRY_CONTEXT(create_key(KeyClass::data), "making a data key");
  auto meta = TRY_CONTEXT(create_key(KeyClass::meta), "making a meta key");
  log_.debug(
      "made data keys",
      {{"purpose", std::string(purpose)}, {"data", data.key->id.to_string()}, {"meta", meta.key->id.to_string()}});
  return RunKeys{data.key, meta.key, std::move(data.wraps), std::move(meta.wraps)};
}

Result<KeyRing::NewKey> KeyRing::create_key(KeyClass key_class) {
  auto id = KeyId::random(random_);
  Secret secret;
  random_.fill(secret.mutable_view());
  KeyContext context{settings_.repository_id, layout_.path().text(), id, key_class};
  NewKey made;
  for (auto* wrapper : wrappers_) {
    auto wrapped = TRY_CONTEXT(wrapper->wrap(secret, context), wrapper->type() + " " + wrapper->id());
    auto wrap_id = crypto::random_wrap_id(random_);
    TRY(store_.put_if_absent(layout_.key_wrap(id, wrap_id), crypto::encode(wrapped)));
    made.wraps.push_back(wrap_id);
  }
  made.key = std::make_shared<const DataKey>(DataKey{id, key_class, std::move(secret)});
  cache(made.key);
  return made;
}

void KeyRing::cache(const DataKeyPtr& key) {
  std::lock_guard lock(cache_mutex_);
  opened_.emplace(key->id, key);
}

Result<DataKeyPtr> KeyRing::find(const KeyId& id) {
  {
    std::lock_guard lock(cache_mutex_);
    auto found = opened_.find(id);
    if (found != opened_.end()) return found->second;
  }
  auto opened = TRY_CONTEXT(open_by_any_wrap(id, false), "data key " + id.to_string());
  cache(opened.key);
  return opened.key;
}

namespace {

/// What was tried to open a key, and which failure says most when all failed.
class Attempts {
 public:
  void failed(Error error) {
    auto& slot = error.is(ErrorKind::corrupt) ? corrupt_ : error.is(ErrorKind::denied) ? denied_ : other_;
    if (!slot) slot = std::move(error);
  }
  void foreign(const WrappedKey& wrapped) {
    if (!owners_.empty()) owners_ += ", ";
    owners_ += wrapped.wrapper_type + " " + wrapped.wrapper_id;
  }
  /// A wrapper that could not be asked may still open it; damage may be healed from another region; a foreign wrap
  /// needs another configuration.
  Error verdict() && {
    if (other_) return *std::move(other_);
    if (corrupt_) return *std::move(corrupt_);
    if (!owners_.empty()) {
      return Error(ErrorKind::denied, "none of the configured keys opens it; it is sealed by " + owners_)
          .with_condition(Condition::no_key_opens)
          .with_hint("configure one of these under encryption.keys");
    }
    if (denied_) return *std::move(denied_);
    return Error(ErrorKind::not_found, "it has no wraps: they were removed")
        .with_condition(Condition::wraps_missing)
        .with_hint("verify names what else is missing");
  }

 private:
  std::optional<Error> other_;
  std::optional<Error> corrupt_;
  std::optional<Error> denied_;
  std::string owners_;
};

bool made_by(const WrappedKey& wrapped, const KeyWrapper& wrapper) {
  return wrapped.wrapper_type == wrapper.type() && wrapped.wrapper_id == wrapper.id();
}

}  // namespace

Result<KeyRing::OpenedKey> KeyRing::open_by_any_wrap(const KeyId& id, bool locally) {
  auto prefix = layout_.key_prefix(id);
  std::vector<storage::ObjectKey> keys;
  TRY(store_.list(prefix, "", [&](const storage::ObjectInfo& info) {
    keys.push_back(info.key);
    return ok();
  }));
  OpenedKey opened;
  Attempts attempts;
  std::vector<WrappedKey> wraps;
  for (const auto& key : keys) {
    opened.wraps.push_back(key.text().substr(prefix.size()));
    auto bytes = store_.get(key, crypto::kWrappedKeyMax);
    if (!bytes) {
      attempts.failed(std::move(bytes).error().with_context(key.text()));
      continue;
    }
    auto wrapped = crypto::decode(*bytes);
    if (wrapped) {
      KeyContext expected{settings_.repository_id, layout_.path().text(), id, wrapped->context.key_class};
      auto placed = crypto::expect_context(*wrapped, expected);
      if (placed) {
        wraps.push_back(*std::move(wrapped));
        continue;
      }
      attempts.failed(std::move(placed).error().with_context(key.text()));
      continue;
    }
    attempts.failed(std::move(wrapped).error().with_context(key.text()));
  }
  opened.has_all_wrappers = std::all_of(wrappers_.begin(), wrappers_.end(), [&](auto* wrapper) {
    return std::any_of(wraps.begin(), wraps.end(), [&](const auto& wrapped) { return made_by(wrapped, *wrapper); });
  });
  for (const auto& wrapped : wraps) {
    bool asked = false;
    for (auto* wrapper : wrappers_) {
      bool suits = wrapper->can_open() && wrapper->type() == wrapped.wrapper_type;
      if (!suits || (locally && !wrapper->opens_locally())) continue;
      auto secret = wrapper->unwrap(wrapped);
      if (secret) {
        opened.key = std::make_shared<const DataKey>(DataKey{id, wrapped.context.key_class, *std::move(secret)});
        opened.created = wrapped.created;
        return opened;
      }
      if (secret.error().is(ErrorKind::denied)) continue;  // sealed by another key of this type
      asked = true;
      attempts.failed(std::move(secret).error());
    }
    if (!asked) attempts.foreign(wrapped);
  }
  return std::move(attempts).verdict();
}

Result<std::string> KeyRing::why_outdated(const KeyId& id) {
  const std::string key = "data key " + id.to_string();
  std::string retired;
  TRY(store_.list(layout_.wrap_tombstones_prefix(id), "", [&](const storage::ObjectInfo& info) {
    retired = info.key.text();
    return ok();
  }));
  if (!retired.empty()) return key + " had a wrap of a key that was retired";
  const auto names = TRY(wraps_of(id));
  std::vector<WrappedKey> wraps;
  for (const auto& name : names) {
    auto bytes = TRY(store_.get(layout_.key_wrap(id, name), crypto::kWrappedKeyMax));
    auto wrapped = crypto::decode(bytes);
    if (wrapped) wraps.push_back(*std::move(wrapped));  // a damaged one counts as missing
  }
  for (const auto& wrapped : wraps) {
    const bool ours = std::ranges::any_of(wrappers_, [&](auto* wrapper) { return made_by(wrapped, *wrapper); });
    if (!ours) {
      return fmt::format("{} has a wrap of {} {}, which is not configured", key, wrapped.wrapper_type,
                         wrapped.wrapper_id);
    }
  }
  for (auto* wrapper : wrappers_) {
    const bool has = std::ranges::any_of(wraps, [&](const auto& wrapped) { return made_by(wrapped, *wrapper); });
    if (!has) return fmt::format("{} has no wrap of {} {}", key, wrapper->type(), wrapper->id());
  }
  return std::string();
}

bool KeyRing::is_young(Timestamp created) const {
  auto now = clock_.now();
  return created <= now && now - created < settings_.wal_key_life;  // a clock that went back makes a new pair
}

Result<RunKeys> KeyRing::wal_keys() {
  std::lock_guard lock(wal_mutex_);
  if (wal_keys_ && is_young(wal_keys_->created)) return wal_keys_->keys;
  auto hinted = reuse_hinted_keys();
  if (hinted) {
    wal_keys_ = *std::move(hinted);
    return wal_keys_->keys;
  }
  log_.debug("making new WAL keys", {{"why", hinted.error().message()}});
  auto created = clock_.now();
  auto keys = TRY(create_pair("wal"));
  wal_keys_ = CurrentWalKeys{std::move(keys), created};
  write_hint(wal_keys_->keys);
  return wal_keys_->keys;
}

std::string KeyRing::hint_path() const {
  const auto& path = layout_.path();
  return settings_.state_directory + "/wal-keys-" + path.cluster + "-" + path.system_identifier.to_string() + ".json";
}

Result<KeyRing::CurrentWalKeys> KeyRing::reuse_hinted_keys() {
  if (settings_.state_directory.empty()) return Error(ErrorKind::not_found, "no state directory");
  bool locally = std::any_of(wrappers_.begin(), wrappers_.end(),
                             [](auto* wrapper) { return wrapper->can_open() && wrapper->opens_locally(); });
  if (!locally) return Error(ErrorKind::not_found, "no key opens locally");
  constexpr size_t kHintMax = 4096;
  auto text = TRY(read_text_file(hint_path(), kHintMax));
  auto hint = TRY(parse_object(as_bytes(text)));
  auto repository = TRY(hint.text("repository"));
  if (repository != settings_.repository_id) return Error(ErrorKind::not_found, "the hint is of another repository");
  auto data_text = TRY(hint.text("data"));
  auto meta_text = TRY(hint.text("meta"));
  auto data_id = TRY(KeyId::parse(data_text));
  auto meta_id = TRY(KeyId::parse(meta_text));
  // Nothing in the hint is believed: age, class and wraps come from the wraps themselves.
  auto data = TRY(open_by_any_wrap(data_id, true));
  auto meta = TRY(open_by_any_wrap(meta_id, true));
  bool good = data.key->key_class == KeyClass::data && meta.key->key_class == KeyClass::meta && data.has_all_wrappers &&
              meta.has_all_wrappers;
  if (!good) return Error(ErrorKind::not_found, "the hinted keys lack a wrap or are of the wrong class");
  auto created = std::min(data.created, meta.created);
  if (!is_young(created)) return Error(ErrorKind::not_found, "the hinted keys are too old");
  cache(data.key);
  cache(meta.key);
  CurrentWalKeys current;
  current.keys = RunKeys{data.key, meta.key, std::move(data.wraps), std::move(meta.wraps)};
  current.created = created;
  return current;
}

void KeyRing::write_hint(const RunKeys& keys) {
  if (settings_.state_directory.empty()) return;
  auto hint = Json::object();
  hint.set("repository", settings_.repository_id);
  hint.set("data", keys.data->id.to_string());
  hint.set("meta", keys.meta->id.to_string());
  auto written = replace_file(hint_path(), as_bytes(hint.dump()), 0600);
  if (!written) log_.debug("the hint about WAL keys was not written", {{"why", written.error().message()}});
}

}  // namespace spendsync::repository
