#include "repository/frame_writer.h"

#include "crypto/digest.h"
#include "repository/pack_index.h"
#include "repository/pack_sink.h"
#include "repository/sent_frames.h"

namespace spendsync::repository {

using crypto::StreamSealer;

/// The pack that is being filled.
struct OpenPack {
  storage::ObjectKey key;
  PackName name;
  std::unique_ptr<storage::ObjectUpload> upload;
  StreamSealer sealer;
  crypto::Sha256 tags;
  PackIndex index;
  uint64_t offset = 0;  // bytes handed to the store

  OpenPack(storage::ObjectKey pack_key, PackName pack_name, std::unique_ptr<storage::ObjectUpload> pack_upload,
           StreamSealer pack_sealer)
      : key(std::move(pack_key)), name(pack_name), upload(std::move(pack_upload)), sealer(std::move(pack_sealer)) {}
};

struct FrameWriter::State {
  PackSink& sink;
  crypto::DataKeyPtr key;
  Compressor compressor;
  Bytes sealed;  // what goes to the store next; its capacity stays
  std::unique_ptr<OpenPack> pack;
  bool failed = false;
  bool finished = false;

  Result<void> open_pack();
  Result<FrameRef> add_frame(ByteView raw);
  Result<void> send();
  Result<void> close_pack();
  Result<void> seal_index();
  Result<void> seal_last_frame();
};

FrameWriter::FrameWriter(std::unique_ptr<State> state) : state_(std::move(state)) { state_->sink.writer_opened(); }

FrameWriter::~FrameWriter() {
  if (!state_->finished) state_->sink.writer_closed(state_->pack == nullptr && !state_->failed);
}

Result<std::unique_ptr<FrameWriter>> FrameWriter::create(PackSink& sink, crypto::KeyClass key_class,
                                                         Compressor::Settings compression) {
  auto compressor = TRY(Compressor::create(compression));
  const auto& keys = sink.settings().keys;
  auto key = key_class == crypto::KeyClass::data ? keys.data : keys.meta;
  std::unique_ptr<State> state(new State{sink, std::move(key), std::move(compressor), {}, nullptr});
  return std::unique_ptr<FrameWriter>(new FrameWriter(std::move(state)));
}

Result<FrameRef> FrameWriter::append(ByteView raw) {
  CHECK(!raw.empty() && raw.size() <= crypto::kFramePayloadMax);
  State& state = *state_;
  if (state.failed || state.finished) return Error(ErrorKind::internal, "a frame writer was used after its end");
  auto frame = state.add_frame(raw);
  state.failed = !frame;
  return frame;
}

Result<void> FrameWriter::finish() {
  State& state = *state_;
  if (state.finished) return ok();
  if (state.failed) return Error(ErrorKind::internal, "a frame writer was finished after a failure");
  if (state.pack) {
    auto closed = state.close_pack();
    state.failed = !closed;
    if (!closed) return closed;
  }
  state.finished = true;
  state.sink.writer_closed(true);
  return ok();
}

Result<FrameRef> FrameWriter::State::add_frame(ByteView raw) {
  auto hash = sink.hasher().hash(raw);
  if (sink.settings().sent != nullptr && key->key_class == crypto::KeyClass::data) {
    auto sent = TRY(sink.settings().sent->find(hash, static_cast<uint32_t>(raw.size())));
    if (sent) return *sent;
  }
  if (!pack) TRY(open_pack());
  auto encoded = TRY(compressor.encode(raw));
  FrameRef frame;
  frame.pack = sink.settings().first_id + pack->name.number;
  frame.offset = pack->offset + sealed.size();
  frame.stored_size = static_cast<uint32_t>(encoded.payload.size());
  frame.raw_size = static_cast<uint32_t>(raw.size());
  auto codec = static_cast<uint8_t>(encoded.codec);
  StreamSealer::FrameOptions options;
  options.raw_size = frame.raw_size;
  options.codec = codec;
  auto number = TRY(pack->sealer.seal(encoded.payload, options, sealed));
  frame.number = static_cast<uint32_t>(number);
  pack->tags.update(ByteView(sealed).last(crypto::kTagSize));
  pack->index.frames.push_back({frame.stored_size, frame.raw_size, codec, hash});
  TRY(send());
  bool full = pack->offset >= sink.settings().pack_size || pack->index.frames.size() + 1 >= kPackFramesMax;
  if (full) TRY(close_pack());
  return frame;
}

Result<void> FrameWriter::State::open_pack() {
  auto& repository = sink.repository();
  PackName name{sink.settings().run, sink.take_number()};
  auto object_key = repository.layout().pack(sink.settings().label, name);
  auto sealer =
      TRY(StreamSealer::create(repository.seal_context(ObjectType::pack, object_key), key, repository.random()));
  auto upload = TRY_CONTEXT(repository.store().begin_upload(object_key, sink.settings().pack_size),
                            "beginning pack " + name.to_string());
  pack = std::make_unique<OpenPack>(std::move(object_key), name, std::move(upload), std::move(sealer));
  auto header = pack->sealer.header();
  sealed.assign(header.begin(), header.end());  // goes with the first frame
  return ok();
}

Result<void> FrameWriter::State::send() {
  TRY_CONTEXT(pack->upload->append(sealed), "writing pack " + pack->name.to_string());
  pack->offset += sealed.size();
  sealed.clear();
  return ok();
}

Result<void> FrameWriter::State::close_pack() {
  TRY(seal_last_frame());
  pack->index.key_class = key->key_class;
  pack->index.name = pack->name;
  pack->index.stream_bytes = pack->offset + sealed.size();
  pack->index.tags = pack->tags.finish();
  TRY(seal_index());
  encode_pack_trailer(pack->index.stream_bytes, sealed);
  TRY(send());
  PackRecord record;
  record.id = sink.settings().first_id + pack->name.number;
  record.name = pack->name;
  record.key_class = key->key_class;
  record.size = pack->offset;
  record.index_offset = pack->index.stream_bytes;
  record.frames = static_cast<uint32_t>(pack->index.frames.size() + 1);
  record.tags = pack->index.tags;
  auto upload = std::move(pack->upload);
  pack.reset();
  return sink.hand_over({std::move(upload), record});
}

/// The writer learns that a pack is full only after its last frame: an empty one says so.
Result<void> FrameWriter::State::seal_last_frame() {
  StreamSealer::FrameOptions options;
  options.last = true;
  TRY(pack->sealer.seal({}, options, sealed));
  pack->tags.update(ByteView(sealed).last(crypto::kTagSize));
  return ok();
}

Result<void> FrameWriter::State::seal_index() {
  auto& repository = sink.repository();
  auto context = repository.seal_context(ObjectType::pack_index, pack->key);
  auto sealer = TRY(StreamSealer::create(context, sink.settings().keys.meta, repository.random()));
  auto raw = encode_pack_index(pack->index);
  CHECK(raw.size() <= kPackIndexMax);
  auto encoded = TRY(compressor.encode(raw));
  auto header = sealer.header();
  sealed.insert(sealed.end(), header.begin(), header.end());
  StreamSealer::FrameOptions options;
  options.raw_size = static_cast<uint32_t>(raw.size());
  options.codec = static_cast<uint8_t>(encoded.codec);
  options.last = true;
  TRY(sealer.seal(encoded.payload, options, sealed));
  return ok();
}

}  // namespace spendsync::repository
