#include "storage/testing/memory_store.h"

namespace spendsync::storage {
namespace {

Error absent(const ObjectKey& key) { return Error(ErrorKind::not_found, "object " + key.text() + " does not exist"); }

class MemoryUpload final : public ObjectUpload {
 public:
  MemoryUpload(MemoryStore& store, ObjectKey key) : store_(store), key_(std::move(key)) {}

  Result<void> append(ByteView bytes) override {
    if (finished_) return Error(ErrorKind::internal, "bytes were added to the finished upload of " + key_.text());
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return ok();
  }

  Result<void> finish() override {
    if (finished_) return Error(ErrorKind::internal, "the upload of " + key_.text() + " was finished twice");
    finished_ = true;
    return store_.put_if_absent(key_, bytes_);
  }

 private:
  MemoryStore& store_;
  ObjectKey key_;
  Bytes bytes_;
  bool finished_ = false;
};

}  // namespace

Result<void> MemoryStore::put_if_absent(const ObjectKey& key, ByteView bytes) {
  Object object{std::make_shared<const Bytes>(bytes.begin(), bytes.end()), clock_.now()};
  std::lock_guard lock(mutex_);
  if (!objects_.emplace(key, std::move(object)).second) {
    return Error(ErrorKind::already_exists, "object " + key.text() + " exists already");
  }
  return ok();
}

Result<std::unique_ptr<ObjectUpload>> MemoryStore::begin_upload(const ObjectKey& key, uint64_t /*expected_size*/) {
  return std::unique_ptr<ObjectUpload>(new MemoryUpload(*this, key));
}

Result<Bytes> MemoryStore::get(const ObjectKey& key, uint64_t max_size) {
  auto object = TRY(find(key));
  if (object.bytes->size() > max_size) {
    return Error(ErrorKind::corrupt, "object " + key.text() + " is larger than " + std::to_string(max_size));
  }
  return *object.bytes;
}

Result<void> MemoryStore::get_range(const ObjectKey& key, uint64_t offset, MutableBytes out) {
  auto object = TRY(find(key));
  if (offset > object.bytes->size() || out.size() > object.bytes->size() - offset) {
    return Error(ErrorKind::corrupt, "object " + key.text() + " ends before the wanted range");
  }
  if (!out.empty()) std::memcpy(out.data(), object.bytes->data() + offset, out.size());
  return ok();
}

Result<ObjectInfo> MemoryStore::stat(const ObjectKey& key) {
  auto object = TRY(find(key));
  return ObjectInfo{key, object.bytes->size(), object.created};
}

Result<void> MemoryStore::list(std::string_view prefix, std::string_view start_after,
                               const std::function<Result<void>(const ObjectInfo&)>& visit) {
  // A copy first: `visit` may call the store.
  auto found = matching(prefix, start_after);
  for (const auto& info : found) TRY(visit(info));
  return ok();
}

Result<std::vector<std::string>> MemoryStore::list_level(std::string_view prefix) {
  if (!prefix.empty() && !prefix.ends_with('/')) {
    return Error(ErrorKind::invalid, "a listing by level needs a prefix that ends with '/': " + std::string(prefix));
  }
  std::vector<std::string> names;
  for (const auto& info : matching(prefix, {})) {
    auto rest = std::string_view(info.key.text()).substr(prefix.size());
    auto slash = rest.find('/');
    auto name = slash == std::string_view::npos ? rest : rest.substr(0, slash + 1);
    if (names.empty() || names.back() != name) names.emplace_back(name);
  }
  return names;
}

Result<void> MemoryStore::remove(const ObjectKey& key) {
  std::lock_guard lock(mutex_);
  objects_.erase(key);
  return ok();
}

void MemoryStore::overwrite(const ObjectKey& key, Bytes bytes) {
  Object object{std::make_shared<const Bytes>(std::move(bytes)), clock_.now()};
  std::lock_guard lock(mutex_);
  objects_.insert_or_assign(key, std::move(object));
}

std::vector<ObjectKey> MemoryStore::keys() const {
  std::lock_guard lock(mutex_);
  std::vector<ObjectKey> keys;
  for (const auto& [key, object] : objects_) keys.push_back(key);
  return keys;
}

Result<MemoryStore::Object> MemoryStore::find(const ObjectKey& key) const {
  std::lock_guard lock(mutex_);
  auto found = objects_.find(key);
  if (found == objects_.end()) return absent(key);
  return found->second;
}

std::vector<ObjectInfo> MemoryStore::matching(std::string_view prefix, std::string_view start_after) const {
  std::lock_guard lock(mutex_);
  std::vector<ObjectInfo> found;
  for (const auto& [key, object] : objects_) {
    if (!key.text().starts_with(prefix) || key.text() <= start_after) continue;
    found.push_back({key, object.bytes->size(), object.created});
  }
  return found;
}

}  // namespace spendsync::storage
