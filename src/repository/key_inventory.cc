#include "repository/key_inventory.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "base/json.h"
#include "base/time.h"

namespace spendsync::repository {

using crypto::KeyId;
using crypto::KeyWrapper;
using crypto::WrappedKey;
using storage::ObjectKey;

namespace {

WrapperName name_of(const KeyWrapper& wrapper) { return {wrapper.type(), wrapper.id()}; }

Result<WrappedKey> read_wrap(Repository& repository, const ObjectKey& object, const KeyId& id) {
  auto bytes = TRY(repository.store().get(object, crypto::kWrappedKeyMax));
  auto wrapped = TRY(crypto::decode(bytes));
  TRY(crypto::expect_context(wrapped,
                             {repository.id(), repository.layout().path().text(), id, wrapped.context.key_class}));
  return wrapped;
}

/// Tombstones are few: one listing tells which wraps have none.
Result<std::set<std::string>> retired_wraps(Repository& repository) {
  const auto& layout = repository.layout();
  const auto prefix = layout.tombstones_prefix() + "keys/";
  std::set<std::string> retired;
  TRY(repository.store().list(prefix, "", [&](const storage::ObjectInfo& info) {
    retired.insert(layout.keys_prefix() + info.key.text().substr(prefix.size()));
    return ok();
  }));
  return retired;
}

}  // namespace

const WrapEntry* KeyEntry::first() const {
  auto found = std::ranges::find_if(wraps, &WrapEntry::counts);
  return found == wraps.end() ? nullptr : &*found;
}

bool KeyEntry::has(const WrapperName& wrapper) const {
  return std::ranges::any_of(wraps, [&](const auto& entry) { return entry.counts() && entry.wrapper() == wrapper; });
}

Result<std::vector<KeyEntry>> read_key_inventory(Repository& repository, std::stop_token stop) {
  const auto prefix = repository.layout().keys_prefix();
  std::vector<ObjectKey> objects;
  TRY(repository.store().list(prefix, "", [&](const storage::ObjectInfo& info) {
    objects.push_back(info.key);
    return ok();
  }));
  auto tombstoned = TRY(retired_wraps(repository));
  std::vector<KeyEntry> keys;
  for (const auto& object : objects) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while reading the keys");
    auto rest = object.text().substr(prefix.size());
    auto slash = rest.find('/');
    auto id = KeyId::parse(rest.substr(0, slash));
    if (!id || slash == std::string::npos) continue;  // `verify` names what does not belong there
    auto wrap = read_wrap(repository, object, *id);
    if (!wrap && wrap.error().is(ErrorKind::not_found)) continue;  // retired since it was listed
    bool unreadable = !wrap && !wrap.error().is(ErrorKind::corrupt) && !wrap.error().is(ErrorKind::unsupported);
    if (unreadable) return std::move(wrap).error().with_context("reading " + object.text());
    bool retired = false;
    if (tombstoned.contains(object.text())) retired = TRY(repository.is_tombstoned(object));
    if (keys.empty() || keys.back().id != *id) keys.push_back({*id, repository.identity().system_identifier, {}});
    keys.back().wraps.push_back({object, rest.substr(slash + 1), std::move(wrap), retired});
  }
  return keys;
}

namespace {

/// One run of `keys rewrap`.
class Rewrap {
 public:
  Rewrap(Repository& repository, const RewrapSettings& settings, std::stop_token stop)
      : repository_(repository), settings_(settings), stop_(std::move(stop)) {}

  Result<RewrapReport> run() {
    TRY(check());
    auto keys = TRY(read_key_inventory(repository_, stop_));
    report_.keys = keys.size();
    for (const auto& key : keys) {
      if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped while adding wraps; run it again");
      TRY(add_missing(key));
    }
    if (!settings_.retire) return std::move(report_);
    for (const auto& key : keys) {
      if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped while retiring wraps; run it again");
      TRY(retire(key));
    }
    return std::move(report_);
  }

 private:
  Result<void> check() const {
    bool opens = std::ranges::any_of(settings_.targets, [](auto* t) { return t->can_open() && !t->is_offline(); });
    if (!opens) return Error(ErrorKind::refused, "no configured key can open what gets a wrap");
    for (auto* target : settings_.targets) {
      if (!settings_.retire || name_of(*target) != *settings_.retire) continue;
      return Error(ErrorKind::refused, settings_.retire->to_string() + " is configured: its wraps are in use")
          .with_hint("take it out of encryption.keys first");
    }
    return ok();
  }

  Result<void> add_missing(const KeyEntry& key) {
    auto opened = repository_.keys().find(key.id);
    if (!opened) {
      auto kind = opened.error().kind();
      if (kind == ErrorKind::transient || kind == ErrorKind::cancelled) return std::move(opened).error();
      report_.closed.emplace_back(key.id, opened.error().message());
      return ok();
    }
    for (auto* target : settings_.targets) {
      bool damaged = false;
      if (has_good_wrap(key, *target, **opened, damaged)) continue;
      TRY(add(key.id, *target, **opened));
      if (damaged) ++report_.replaced;
    }
    return ok();
  }

  /// Where it costs nothing the wrap is opened: one that is damaged counts as missing.
  static bool has_good_wrap(const KeyEntry& key, KeyWrapper& target, const crypto::DataKey& data_key, bool& damaged) {
    for (const auto& entry : key.wraps) {
      if (!entry.counts() || entry.wrapper() != name_of(target)) continue;
      if (!target.can_open() || !target.opens_locally()) return true;
      auto secret = target.unwrap(*entry.wrap);
      if (secret && crypto::equal_digests(secret->view(), data_key.secret.view())) return true;
      damaged = true;
    }
    return false;
  }

  Result<void> add(const KeyId& id, KeyWrapper& target, const crypto::DataKey& data_key) {
    crypto::KeyContext context{repository_.id(), repository_.layout().path().text(), id, data_key.key_class};
    auto wrapped = TRY_CONTEXT(target.wrap(data_key.secret, context), name_of(target).to_string());
    auto object = repository_.layout().key_wrap(id, crypto::random_wrap_id(repository_.random()));
    TRY_CONTEXT(repository_.store().put_if_absent(object, crypto::encode(wrapped)), "writing " + object.text());
    ++report_.added[name_of(target)];
    return ok();
  }

  Result<void> retire(const KeyEntry& key) {
    auto is_old = [&](const WrapEntry& entry) { return entry.wrap && entry.wrapper() == *settings_.retire; };
    if (std::ranges::none_of(key.wraps, is_old)) return ok();
    if (!opens_without_it(key.id)) {
      report_.not_retired.emplace_back(key.id, "no other configured key opens it");
      return ok();
    }
    for (const auto& entry : key.wraps) {
      if (is_old(entry)) TRY(give_up(entry));
    }
    return ok();
  }

  /// Read back from the store, after what this run has added.
  bool opens_without_it(const KeyId& id) {
    const auto prefix = repository_.layout().key_prefix(id);
    bool opened = false;
    auto listed = repository_.store().list(prefix, "", [&](const storage::ObjectInfo& info) {
      if (opened) return ok();
      auto wrap = read_wrap(repository_, info.key, id);
      if (!wrap) return ok();
      for (auto* target : settings_.targets) {
        bool suits = target->can_open() && !target->is_offline() && target->type() == wrap->wrapper_type &&
                     target->id() == wrap->wrapper_id;
        if (suits && target->unwrap(*wrap)) opened = true;
      }
      return ok();
    });
    return listed && opened;
  }

  /// The tombstone first: a run that is interrupted in between is completed by the next.
  Result<void> give_up(const WrapEntry& entry) {
    if (!entry.retired) TRY(put_tombstone(entry));
    TRY_CONTEXT(repository_.store().remove(entry.object), "removing " + entry.object.text());
    ++report_.retired;
    return ok();
  }

  Result<void> put_tombstone(const WrapEntry& entry) {
    auto meta_key = TRY(identity_key());
    auto json = Json::object();
    json.set("key", entry.object.text()).set("reason", "the key that opens this wrap was retired");
    json.set("created", format_utc(repository_.clock().now()));
    const auto text = json.dump();
    TRY(repository_.put_document({ObjectType::tombstone, repository_.layout().tombstone(entry.object), as_bytes(text)},
                                 meta_key));
    return ok();
  }

  /// It lives as long as the cluster's folder, and no new key is made, which the old wrappers would wrap again.
  Result<crypto::DataKeyPtr> identity_key() {
    constexpr uint64_t kIdentityMax = 64u << 10;
    auto object = repository_.layout().identity();
    auto bytes = TRY(repository_.store().get(object, kIdentityMax));
    return repository_.key_of(bytes, object);
  }

  Repository& repository_;
  const RewrapSettings& settings_;
  std::stop_token stop_;
  RewrapReport report_;
};

}  // namespace

size_t RewrapReport::added_total() const {
  size_t total = 0;
  for (const auto& [wrapper, count] : added) total += count;
  return total;
}

void RewrapReport::add(RewrapReport other) {
  keys += other.keys;
  for (const auto& [wrapper, count] : other.added) added[wrapper] += count;
  retired += other.retired;
  replaced += other.replaced;
  std::ranges::move(other.closed, std::back_inserter(closed));
  std::ranges::move(other.not_retired, std::back_inserter(not_retired));
}

Result<RewrapReport> rewrap_keys(Repository& repository, const RewrapSettings& settings, std::stop_token stop) {
  return Rewrap(repository, settings, std::move(stop)).run();
}

}  // namespace spendsync::repository
