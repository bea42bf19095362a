#include "repository/repository.h"

#include "crypto/digest.h"
#include "repository/sealed_document.h"

namespace spendsync::repository {

using storage::ObjectKey;

Repository::Repository(Settings settings, Collaborators collaborators, Layout layout)
    : settings_(std::move(settings)), collaborators_(std::move(collaborators)), layout_(std::move(layout)) {}

crypto::SealContext Repository::seal_context(ObjectType type, const ObjectKey& key) const {
  crypto::SealContext context;
  context.repository = digest_;
  context.cluster = layout_.path().text();
  context.object_type = std::string(to_string(type));
  context.object_key = key.text();
  return context;
}

Result<crypto::DataKeyPtr> Repository::key_of(ByteView stream_header, const ObjectKey& object) {
  auto header = TRY_CONTEXT(crypto::read_stream_header(stream_header), object.text());
  auto key = keys().find(header.key_id);
  if (key) return *std::move(key);
  auto error = std::move(key).error();
  if (error.is(ErrorKind::not_found)) error = Error(ErrorKind::corrupt, error.message());
  return std::move(error).with_context(object.text());
}

Result<PutOutcome> Repository::put_document(const Document& document, const crypto::DataKeyPtr& meta_key) {
  auto context = seal_context(document.type, document.key);
  auto bytes = TRY(seal_document(context, meta_key, random(), document.content));
  auto put = store().put_if_absent(document.key, bytes);
  if (put) return PutOutcome::stored;
  if (!put.error().is(ErrorKind::already_exists)) {
    return std::move(put).error().with_context("writing " + document.key.text());
  }
  auto present = get_document(document.type, document.key);
  if (present) {
    bool same = present->size() == document.content.size() &&
                std::equal(present->begin(), present->end(), document.content.begin());
    if (same) return PutOutcome::already_identical;
    return Error(ErrorKind::conflict, document.key.text() + " exists with other content");
  }
  if (!present.error().is(ErrorKind::corrupt)) return std::move(present).error();
  if (document.type != ObjectType::tombstone && get_document(ObjectType::tombstone, document.key)) {
    return Error(ErrorKind::conflict, document.key.text() + " holds a tombstone: expiry has collected it");
  }
  return std::move(present).error();
}

Result<Bytes> Repository::get_document(ObjectType type, const ObjectKey& key, uint64_t max_size) {
  // Sealing adds 28 bytes a frame of up to 1 MiB, and the header.
  auto stored_max = max_size + crypto::kStreamHeaderSize + (max_size / kDocumentFrameMax + 1) * crypto::kFrameOverhead;
  auto bytes = TRY_CONTEXT(store().get(key, stored_max), "reading " + key.text());
  auto data_key = TRY(key_of(bytes, key));
  return TRY_CONTEXT(open_document(seal_context(type, key), data_key, bytes, max_size), key.text());
}

Result<bool> Repository::is_tombstoned(const ObjectKey& key) {
  constexpr uint64_t kTombstoneMax = 64u << 10;
  auto tombstone = get_document(ObjectType::tombstone, layout_.tombstone(key), kTombstoneMax);
  if (tombstone) return true;
  if (tombstone.error().is(ErrorKind::not_found)) return false;
  return std::move(tombstone).error();
}

}  // namespace spendsync::repository
