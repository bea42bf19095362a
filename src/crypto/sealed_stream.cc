#include "crypto/sealed_stream.h"

#include <algorithm>

#include "crypto/digest.h"
#include "crypto/gcm.h"
#include "crypto/nonce_observer.h"

namespace spendsync::crypto {
namespace {

constexpr std::string_view kMagic = "SSBSEAL1";
constexpr uint16_t kVersion = 1;
constexpr size_t kSaltSize = 32;
constexpr size_t kCommitmentOffset = 64;  // everything before it is bound by it
constexpr uint64_t kFramesMax = uint64_t{1} << 32;
constexpr uint8_t kLastFlag = 1;

using HeaderBytes = std::array<std::byte, kStreamHeaderSize>;
using FrameHeaderBytes = std::array<std::byte, kFrameHeaderSize>;
using AssociatedData = std::array<std::byte, sizeof(Sha256Digest) + sizeof(uint64_t) + kFrameHeaderSize>;

/// Frame key, binding and commitment of one stream. Wiped when it goes.
struct StreamKeys {
  std::array<std::byte, 64> okm;
  Sha256Digest binding;
  Sha256Digest commitment;

  StreamKeys() = default;
  StreamKeys(const StreamKeys&) = delete;
  StreamKeys& operator=(const StreamKeys&) = delete;
  ~StreamKeys() { wipe(okm); }
  std::span<const std::byte, 32> frame_key() const { return std::span(okm).first<32>(); }
  std::span<const std::byte, 32> commitment_base() const { return std::span(okm).last<32>(); }
};

Sha256Digest stream_binding(const SealContext& context, ByteView header) {
  Bytes message;
  ByteWriter writer(message);
  auto field = [&](std::string_view text) {
    writer.u32(static_cast<uint32_t>(text.size()));
    writer.raw(as_bytes(text));
  };
  writer.raw(as_bytes("spendsync-backup/1/binding"));
  writer.u8(0);
  writer.raw(header.first(kCommitmentOffset));
  writer.raw(context.repository);
  field(context.cluster);
  field(context.object_type);
  field(context.object_key);
  return sha256(message);
}

void derive_stream_keys(const SealContext& context, const DataKey& key, ByteView header, StreamKeys& keys) {
  auto salt = header.subspan(kCommitmentOffset - kSaltSize, kSaltSize);
  hkdf_sha256(key.secret.view(), salt, "spendsync-backup/1/stream", keys.okm);
  keys.binding = stream_binding(context, header);
  keys.commitment = hmac_sha256(keys.commitment_base(), keys.binding);
}

/// The header without its commitment.
HeaderBytes make_header(const DataKey& key, RandomSource& random) {
  HeaderBytes header{};
  std::memcpy(header.data(), kMagic.data(), kMagic.size());
  std::memcpy(header.data() + 8, &kVersion, sizeof kVersion);
  header[10] = static_cast<std::byte>(key.key_class);
  std::memcpy(header.data() + 16, key.id.bytes.data(), key.id.bytes.size());
  random.fill(MutableBytes(header).subspan(kCommitmentOffset - kSaltSize, kSaltSize));
  return header;
}

FrameHeaderBytes encode_frame_header(const FrameHeader& header) {
  FrameHeaderBytes bytes{};
  std::memcpy(bytes.data(), &header.stored_size, 4);
  std::memcpy(bytes.data() + 4, &header.raw_size, 4);
  bytes[8] = static_cast<std::byte>(header.codec);
  bytes[9] = static_cast<std::byte>(header.last ? kLastFlag : 0);
  return bytes;
}

GcmNonce frame_nonce(uint64_t number) {
  GcmNonce nonce{};
  for (size_t i = 0; i < 8; ++i) nonce[nonce.size() - 1 - i] = static_cast<std::byte>(number >> (8 * i));
  return nonce;
}

AssociatedData frame_associated_data(const Sha256Digest& binding, uint64_t number, ByteView frame_header) {
  AssociatedData data;
  std::memcpy(data.data(), binding.data(), binding.size());
  std::memcpy(data.data() + binding.size(), &number, sizeof number);
  std::memcpy(data.data() + binding.size() + sizeof number, frame_header.data(), kFrameHeaderSize);
  return data;
}

/// Makes room for `more` bytes, growing by doubling as push_back would: reserve() alone grows to the exact size.
void reserve_for(Bytes& out, size_t more) {
  if (out.capacity() - out.size() < more) out.reserve(std::max(out.size() + more, out.capacity() * 2));
}

void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

}  // namespace

Result<StreamHeader> read_stream_header(ByteView bytes) {
  if (bytes.size() < kStreamHeaderSize) return Error(ErrorKind::corrupt, "the sealed stream is cut in its header");
  if (as_text(bytes.first(kMagic.size())) != kMagic) return Error(ErrorKind::corrupt, "not a sealed stream: bad magic");
  uint16_t version = 0;
  std::memcpy(&version, bytes.data() + 8, sizeof version);
  if (version > kVersion) {
    return Error(ErrorKind::unsupported, "the sealed stream has format version " + std::to_string(version) +
                                             "; this program knows up to " + std::to_string(kVersion))
        .with_hint("use the version of the program that wrote the repository, or a newer one");
  }
  auto key_class = static_cast<uint8_t>(bytes[10]);
  bool known_class =
      key_class == static_cast<uint8_t>(KeyClass::data) || key_class == static_cast<uint8_t>(KeyClass::meta);
  bool reserved_zero =
      std::all_of(bytes.begin() + 11, bytes.begin() + 16, [](std::byte byte) { return byte == std::byte{0}; });
  if (version == 0 || !known_class || !reserved_zero) {
    return Error(ErrorKind::corrupt, "the header of the sealed stream is damaged");
  }
  StreamHeader header;
  header.key_class = static_cast<KeyClass>(key_class);
  std::memcpy(header.key_id.bytes.data(), bytes.data() + 16, header.key_id.bytes.size());
  return header;
}

Result<FrameHeader> read_frame_header(ByteView bytes) {
  if (bytes.size() < kFrameHeaderSize) return Error(ErrorKind::corrupt, "the frame is cut in its header");
  FrameHeader header;
  std::memcpy(&header.stored_size, bytes.data(), 4);
  std::memcpy(&header.raw_size, bytes.data() + 4, 4);
  header.codec = static_cast<uint8_t>(bytes[8]);
  auto flags = static_cast<uint8_t>(bytes[9]);
  header.last = (flags & kLastFlag) != 0;
  if (header.stored_size > kFramePayloadMax || header.raw_size > kFramePayloadMax) {
    return Error(ErrorKind::corrupt, "the frame claims more than " + std::to_string(kFramePayloadMax) + " bytes");
  }
  if ((flags & ~kLastFlag) != 0 || bytes[10] != std::byte{0} || bytes[11] != std::byte{0}) {
    return Error(ErrorKind::corrupt, "the frame header has reserved bits set");
  }
  return header;
}

struct StreamSealer::State {
  HeaderBytes header;
  Sha256Digest binding;
  Gcm gcm;
  NonceObserver* observer;
  uint64_t next_number = 0;
  bool ended = false;
};

StreamSealer::StreamSealer(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamSealer::StreamSealer(StreamSealer&&) noexcept = default;
StreamSealer& StreamSealer::operator=(StreamSealer&&) noexcept = default;
StreamSealer::~StreamSealer() = default;

Result<StreamSealer> StreamSealer::create(const SealContext& context, const DataKeyPtr& key, RandomSource& random) {
  return create_observed(context, key, random, nullptr);
}

Result<StreamSealer> StreamSealer::create_observed(const SealContext& context, const DataKeyPtr& key,
                                                   RandomSource& random, NonceObserver* observer) {
  CHECK(key != nullptr);
  auto header = make_header(*key, random);
  StreamKeys keys;
  derive_stream_keys(context, *key, header, keys);
  std::memcpy(header.data() + kCommitmentOffset, keys.commitment.data(), keys.commitment.size());
  if (observer != nullptr) observer->stream_key(keys.frame_key());
  return StreamSealer(
      std::unique_ptr<State>(new State{header, keys.binding, Gcm(Gcm::Direction::seal, keys.frame_key()), observer}));
}

ByteView StreamSealer::header() const { return state_->header; }

uint64_t StreamSealer::frames_sealed() const { return state_->next_number; }

Result<uint64_t> StreamSealer::seal(ByteView payload, FrameOptions options, Bytes& out) {
  State& state = *state_;
  if (state.ended) return Error(ErrorKind::internal, "a frame was added after the last frame of a sealed stream");
  if (state.next_number >= kFramesMax) return Error(ErrorKind::internal, "a sealed stream holds at most 2^32 frames");
  if (payload.size() > kFramePayloadMax || options.raw_size > kFramePayloadMax) {
    return Error(ErrorKind::internal, "a frame holds at most " + std::to_string(kFramePayloadMax) + " bytes");
  }
  auto number = state.next_number++;  // taken before it is used, so that no failure can make it repeat
  state.ended = options.last;
  auto frame_header =
      encode_frame_header({static_cast<uint32_t>(payload.size()), options.raw_size, options.codec, options.last});
  auto nonce = frame_nonce(number);
  if (state.observer != nullptr) [[unlikely]]
    state.observer->nonce_used(nonce);

  // Copied, then sealed in place: one pass over cache-warm memory, where resize() would zero the space first.
  reserve_for(out, kFrameOverhead + payload.size());
  append(out, frame_header);
  append(out, payload);
  auto text = MutableBytes(out).last(payload.size());
  auto tag = state.gcm.seal(nonce, frame_associated_data(state.binding, number, frame_header), text);
  append(out, tag);
  return number;
}

struct StreamOpener::State {
  Sha256Digest binding;
  Gcm gcm;
};

StreamOpener::StreamOpener(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamOpener::StreamOpener(StreamOpener&&) noexcept = default;
StreamOpener& StreamOpener::operator=(StreamOpener&&) noexcept = default;
StreamOpener::~StreamOpener() = default;

Result<StreamOpener> StreamOpener::create(const SealContext& context, const DataKeyPtr& key, ByteView header) {
  CHECK(key != nullptr);
  auto parsed = TRY(read_stream_header(header));
  if (parsed.key_id != key->id || parsed.key_class != key->key_class) {
    return Error(ErrorKind::corrupt, "the sealed stream names key " + parsed.key_id.to_string() + " of class " +
                                         std::string(to_string(parsed.key_class)) + ", not " + key->id.to_string() +
                                         " of class " + std::string(to_string(key->key_class)));
  }
  StreamKeys keys;
  derive_stream_keys(context, *key, header, keys);
  if (!equal_digests(keys.commitment, header.subspan(kCommitmentOffset, sizeof(Sha256Digest)))) {
    return Error(ErrorKind::corrupt,
                 "the sealed stream does not belong to this key and place: swapped, forged or damaged header");
  }
  return StreamOpener(std::unique_ptr<State>(new State{keys.binding, Gcm(Gcm::Direction::open, keys.frame_key())}));
}

Result<StreamOpener::OpenedFrame> StreamOpener::open(uint64_t number, ByteView bytes, Bytes& payload) {
  payload.clear();
  OpenedFrame frame;
  frame.header = TRY(read_frame_header(bytes));
  frame.consumed = kFrameOverhead + frame.header.stored_size;
  if (number >= kFramesMax)
    return Error(ErrorKind::corrupt, "frame number " + std::to_string(number) + " is too great");
  if (bytes.size() < frame.consumed) {
    return Error(ErrorKind::corrupt, "frame " + std::to_string(number) + " is cut: " + std::to_string(bytes.size()) +
                                         " of " + std::to_string(frame.consumed) + " bytes");
  }
  auto sealed = bytes.subspan(kFrameHeaderSize, frame.header.stored_size);
  payload.assign(sealed.begin(), sealed.end());
  auto tag = bytes.subspan(kFrameHeaderSize + sealed.size()).first<kGcmTagSize>();
  auto associated_data = frame_associated_data(state_->binding, number, bytes.first(kFrameHeaderSize));
  if (!state_->gcm.open(frame_nonce(number), associated_data, payload, tag)) {
    payload.clear();
    return Error(ErrorKind::corrupt, "frame " + std::to_string(number) + " is not what was sealed there");
  }
  return frame;
}

}  // namespace spendsync::crypto
