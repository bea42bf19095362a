#include "crypto/sealed_stream.h"

#include <set>

#include "base/testing.h"
#include "crypto/digest.h"
#include "crypto/nonce_observer.h"

namespace spendsync::crypto {

class StreamSealerTestAccess {
 public:
  static Result<StreamSealer> create(const SealContext& context, const DataKeyPtr& key, RandomSource& random,
                                     NonceObserver& observer) {
    return StreamSealer::create_observed(context, key, random, &observer);
  }
};

namespace {

using FrameOptions = StreamSealer::FrameOptions;

/// The salt (and so the stream) of the format's test vector.
class CountingRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(0x40 + i);
  }
};

DataKeyPtr make_key(KeyClass key_class = KeyClass::meta, uint8_t first_byte = 0) {
  auto key = std::make_shared<DataKey>();
  key->key_class = key_class;
  for (size_t i = 0; i < key->id.bytes.size(); ++i) key->id.bytes[i] = static_cast<std::byte>(0xa0 + i);
  for (size_t i = 0; i < Secret::kSize; ++i) key->secret.mutable_view()[i] = static_cast<std::byte>(i);
  key->secret.mutable_view()[0] = static_cast<std::byte>(first_byte);
  return key;
}

SealContext make_context() {
  return {sha256(as_bytes("repository")), "spendsync/7300000000000000001", "manifest",
          "spendsync/7300000000000000001/backups/20240315T000000Z-full/manifest"};
}

FrameOptions options_for(std::string_view payload, bool last = false) {
  return {.raw_size = static_cast<uint32_t>(payload.size()), .codec = 0, .last = last};
}

/// Header and frames with these payloads; the last one carries the flag.
Bytes seal_stream(const std::vector<std::string>& payloads, const SealContext& context, const DataKeyPtr& key,
                  RandomSource& random) {
  auto sealer = MUST(StreamSealer::create(context, key, random));
  Bytes out(sealer.header().begin(), sealer.header().end());
  for (size_t i = 0; i < payloads.size(); ++i) {
    auto number = MUST(sealer.seal(as_bytes(payloads[i]), options_for(payloads[i], i + 1 == payloads.size()), out));
    EXPECT_EQ(number, i);
  }
  return out;
}

/// What a reader of a whole stream does: every frame, the flag on the last one and nowhere else, nothing behind it.
Result<std::vector<std::string>> open_stream(ByteView bytes, const SealContext& context, const DataKeyPtr& key) {
  auto opener = TRY(StreamOpener::create(context, key, bytes));
  bytes = bytes.subspan(kStreamHeaderSize);
  std::vector<std::string> payloads;
  for (uint64_t number = 0;; ++number) {
    Bytes payload;
    auto frame = TRY(opener.open(number, bytes, payload));
    payloads.emplace_back(as_text(payload));
    bytes = bytes.subspan(frame.consumed);
    if (frame.header.last) break;
  }
  if (!bytes.empty()) return Error(ErrorKind::corrupt, "bytes after the last frame");
  return payloads;
}

Bytes flipped(Bytes bytes, size_t bit) {
  bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  return bytes;
}

class SealedStream : public testing::Test {
 protected:
  Bytes seal(const std::vector<std::string>& payloads) { return seal_stream(payloads, context_, key_, random_); }
  Result<std::vector<std::string>> open(ByteView bytes) { return open_stream(bytes, context_, key_); }

  SealContext context_ = make_context();
  DataKeyPtr key_ = make_key();
  SystemRandom random_;
};

// The vector of docs/format/sealing.md, made by an independent program from the page alone.
constexpr std::string_view kVector =
    "5353425345414c310100020000000000a0a1a2a3a4a5a6a7a8a9aaabacadaeaf404142434445464748494a4b4c4d4e4f505152535455565758"
    "59"
    "5a5b5c5d5e5fbf65959bcd7d4831d0ed1d6175c2330efdf77d8233ec561d1bd6854c1ee217c3050000000500000000000000e00a903df2cb19"
    "ff"
    "d0793b093b40048bba06da3eca0000000000000000000100003cefc26373a75b6c2060cbcdf23142fb";

TEST_F(SealedStream, IsWhatTheFormatPageSays) {
  CountingRandom salt;
  EXPECT_EQ(to_hex(seal_stream({"hello", ""}, context_, key_, salt)), kVector);
  EXPECT_EQ(MUST(open(MUST(from_hex(kVector)))), (std::vector<std::string>{"hello", ""}));
}

TEST_F(SealedStream, RoundTripsPayloadsOfManySizes) {
  std::vector<std::string> payloads;
  for (size_t size : {0u, 1u, 15u, 16u, 17u, 4095u, 4096u, 262'144u, 1'000'003u}) {
    payloads.emplace_back(size, static_cast<char>('a' + payloads.size()));
  }
  EXPECT_EQ(MUST(open(seal(payloads))), payloads);
}

TEST_F(SealedStream, HoldsFramesUpToTheLimitAndNoLarger) {
  std::string largest(kFramePayloadMax, 'x');
  EXPECT_EQ(MUST(open(seal({largest}))), std::vector<std::string>{largest});
  auto sealer = MUST(StreamSealer::create(context_, key_, random_));
  Bytes out;
  EXPECT_KIND(sealer.seal(as_bytes(largest + "x"), {}, out), ErrorKind::internal);
  EXPECT_KIND(sealer.seal({}, {.raw_size = kFramePayloadMax + 1}, out), ErrorKind::internal);
  EXPECT_TRUE(out.empty());
}

TEST_F(SealedStream, CarriesTheFrameHeader) {
  auto sealer = MUST(StreamSealer::create(context_, key_, random_));
  Bytes out = to_bytes("before");
  ASSERT_OK(sealer.seal(as_bytes("compressed"), {.raw_size = 4711, .codec = 1, .last = true}, out));
  EXPECT_EQ(as_text(ByteView(out).first(6)), "before");
  EXPECT_EQ(out.size(), 6 + kFrameOverhead + 10);
  auto header = MUST(read_frame_header(ByteView(out).subspan(6)));
  EXPECT_EQ(header.stored_size, 10u);
  EXPECT_EQ(header.raw_size, 4711u);
  EXPECT_EQ(header.codec, 1u);
  EXPECT_TRUE(header.last);
  auto stream = MUST(read_stream_header(sealer.header()));
  EXPECT_EQ(stream.key_id, key_->id);
  EXPECT_EQ(stream.key_class, KeyClass::meta);
}

TEST_F(SealedStream, OpensFramesInAnyOrder) {
  auto sealer = MUST(StreamSealer::create(context_, key_, random_));
  std::vector<Bytes> frames(5);
  for (size_t i = 0; i < frames.size(); ++i) ASSERT_OK(sealer.seal(as_bytes(std::to_string(i)), {}, frames[i]));
  auto opener = MUST(StreamOpener::create(context_, key_, sealer.header()));
  Bytes payload;
  for (size_t i : {3u, 0u, 4u, 1u, 1u, 2u}) {
    ASSERT_OK(opener.open(i, frames[i], payload));
    EXPECT_EQ(as_text(payload), std::to_string(i));
  }
}

TEST_F(SealedStream, HidesWhatItHolds) {
  std::string secret = "the plaintext that nobody may see";
  auto sealed = seal({secret, secret});
  EXPECT_EQ(as_text(sealed).find(secret.substr(0, 8)), std::string_view::npos);
  EXPECT_NE(seal({secret}), seal({secret})) << "two streams of the same content must differ";
}

TEST_F(SealedStream, NoticesEveryFlippedBit) {
  auto sealed = seal({"first frame", "", "the last one"});
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    auto result = open(flipped(sealed, bit));
    ASSERT_FALSE(result) << "bit " << bit;
    // A greater version number cannot be told from a newer format.
    bool in_version = bit / 8 == 8 || bit / 8 == 9;
    if (in_version && result.error().is(ErrorKind::unsupported)) continue;
    ASSERT_EQ(result.error().kind(), ErrorKind::corrupt) << "bit " << bit << ": " << describe(result.error());
  }
  EXPECT_OK(open(sealed));
}

TEST_F(SealedStream, NoticesTruncationAtEveryByte) {
  auto sealed = seal({"first frame", "", "the last one"});
  for (size_t size = 0; size < sealed.size(); ++size)
    EXPECT_KIND(open(ByteView(sealed).first(size)), ErrorKind::corrupt);
  sealed.push_back(std::byte{0});
  EXPECT_KIND(open(sealed), ErrorKind::corrupt);
}

TEST_F(SealedStream, NoticesSwappedRepeatedAndDroppedFrames) {
  auto sealer = MUST(StreamSealer::create(context_, key_, random_));
  std::vector<Bytes> frames(4);
  for (size_t i = 0; i < frames.size(); ++i) ASSERT_OK(sealer.seal(as_bytes("same"), {.last = i == 3}, frames[i]));
  auto joined = [&](const std::vector<size_t>& order) {
    Bytes out(sealer.header().begin(), sealer.header().end());
    for (size_t i : order) out.insert(out.end(), frames[i].begin(), frames[i].end());
    return out;
  };
  EXPECT_OK(open(joined({0, 1, 2, 3})));
  for (const auto& order : std::vector<std::vector<size_t>>{{1, 0, 2, 3},
                                                            {0, 2, 1, 3},
                                                            {0, 0, 2, 3},
                                                            {0, 1, 3},
                                                            {0, 2, 3},
                                                            {1, 2, 3},
                                                            {3},
                                                            {0, 1, 2, 2, 3},
                                                            {0, 1, 2}}) {
    EXPECT_KIND(open(joined(order)), ErrorKind::corrupt);
  }
}

TEST_F(SealedStream, NoticesARemovedOrAddedLastFlag) {
  auto sealer = MUST(StreamSealer::create(context_, key_, random_));
  Bytes first;
  Bytes last;
  ASSERT_OK(sealer.seal(as_bytes("a"), {}, first));
  ASSERT_OK(sealer.seal(as_bytes("b"), {.last = true}, last));
  auto opener = MUST(StreamOpener::create(context_, key_, sealer.header()));
  Bytes payload;
  first[9] = std::byte{1};
  EXPECT_KIND(opener.open(0, first, payload), ErrorKind::corrupt);
  last[9] = std::byte{0};
  EXPECT_KIND(opener.open(1, last, payload), ErrorKind::corrupt);
  EXPECT_TRUE(payload.empty());
}

TEST_F(SealedStream, NoticesFramesOfAnotherStreamUnderTheSameKey) {
  auto one = seal({"same"});
  auto other = seal({"same"});
  std::copy(other.begin() + kStreamHeaderSize, other.end(), one.begin() + kStreamHeaderSize);
  EXPECT_KIND(open(one), ErrorKind::corrupt);
}

TEST_F(SealedStream, OpensOnlyInItsPlace) {
  auto sealed = seal({"payload"});
  auto in = [&](auto change) {
    auto context = context_;
    change(context);
    return open_stream(sealed, context, key_);
  };
  EXPECT_OK(in([](SealContext&) {}));
  EXPECT_KIND(in([](SealContext& c) { c.repository[31] ^= std::byte{1}; }), ErrorKind::corrupt);
  EXPECT_KIND(in([](SealContext& c) { c.cluster = "spendsync/7300000000000000002"; }), ErrorKind::corrupt);
  EXPECT_KIND(in([](SealContext& c) { c.object_type = "pack"; }), ErrorKind::corrupt);
  EXPECT_KIND(in([](SealContext& c) { c.object_key += "2"; }), ErrorKind::corrupt);
  // The same letters cut elsewhere are another place.
  EXPECT_KIND(in([](SealContext& c) {
                c.object_type = "manifestspendsync";
                c.object_key = c.object_key.substr(std::string_view("spendsync").size());
              }),
              ErrorKind::corrupt);
}

TEST_F(SealedStream, OpensOnlyUnderItsKey) {
  auto sealed = seal({"payload"});
  EXPECT_KIND(open_stream(sealed, context_, make_key(KeyClass::meta, 1)), ErrorKind::corrupt);
  EXPECT_KIND(open_stream(sealed, context_, make_key(KeyClass::data)), ErrorKind::corrupt);
  auto renamed = make_key();
  std::const_pointer_cast<DataKey>(renamed)->id.bytes[0] ^= std::byte{1};
  EXPECT_KIND(open_stream(sealed, context_, renamed), ErrorKind::corrupt);
  auto forged = sealed;
  forged[10] = std::byte{1};  // the class in the header, too
  EXPECT_KIND(open_stream(forged, context_, make_key(KeyClass::data)), ErrorKind::corrupt);
}

TEST_F(SealedStream, RefusesANewerVersionByName) {
  auto sealed = seal({"payload"});
  sealed[8] = std::byte{2};
  EXPECT_KIND(read_stream_header(sealed), ErrorKind::unsupported);
  EXPECT_KIND(open(sealed), ErrorKind::unsupported);
}

TEST_F(SealedStream, RefusesFramesThatClaimTooMuch) {
  Bytes header(kFrameHeaderSize);
  uint32_t too_much = kFramePayloadMax + 1;
  std::memcpy(header.data(), &too_much, 4);
  EXPECT_KIND(read_frame_header(header), ErrorKind::corrupt);
  header.assign(kFrameHeaderSize, std::byte{0});
  std::memcpy(header.data() + 4, &too_much, 4);
  EXPECT_KIND(read_frame_header(header), ErrorKind::corrupt);
  EXPECT_KIND(read_frame_header(ByteView(header).first(11)), ErrorKind::corrupt);
}

TEST_F(SealedStream, ReturnsNothingUnauthenticated) {
  auto sealer = MUST(StreamSealer::create(context_, key_, random_));
  Bytes frame;
  ASSERT_OK(sealer.seal(as_bytes("payload"), {}, frame));
  auto opener = MUST(StreamOpener::create(context_, key_, sealer.header()));
  Bytes payload = to_bytes("old content");
  EXPECT_KIND(opener.open(0, flipped(frame, frame.size() * 8 - 1), payload), ErrorKind::corrupt);
  EXPECT_TRUE(payload.empty());
  EXPECT_KIND(opener.open(uint64_t{1} << 32, frame, payload), ErrorKind::corrupt);
  ASSERT_OK(opener.open(0, frame, payload));
  EXPECT_EQ(as_text(payload), "payload");
}

TEST_F(SealedStream, TakesNoFrameAfterTheLast) {
  auto sealer = MUST(StreamSealer::create(context_, key_, random_));
  Bytes out;
  ASSERT_OK(sealer.seal({}, {.last = true}, out));
  auto size = out.size();
  EXPECT_KIND(sealer.seal(as_bytes("more"), {}, out), ErrorKind::internal);
  EXPECT_EQ(out.size(), size);
  EXPECT_EQ(sealer.frames_sealed(), 1u);
}

/// Every (key, nonce) pair of a run, and whether one came twice.
class PairRecorder final : public NonceObserver {
 public:
  void stream_key(ByteView frame_key) override { key_ = to_hex(frame_key); }
  void nonce_used(ByteView nonce) override { repeated_ |= !pairs_.insert(key_ + to_hex(nonce)).second; }
  size_t count() const { return pairs_.size(); }
  bool repeated() const { return repeated_; }

 private:
  std::string key_;
  std::set<std::string> pairs_;
  bool repeated_ = false;
};

TEST_F(SealedStream, NeverUsesANonceTwiceUnderOneKey) {
  PairRecorder recorder;
  size_t sealed = 0;
  for (auto key_class : {KeyClass::data, KeyClass::meta}) {
    auto key = make_key(key_class);
    for (int stream = 0; stream < 400; ++stream) {
      auto sealer = MUST(StreamSealerTestAccess::create(context_, key, random_, recorder));
      Bytes out;
      for (int frame = 0; frame < 25; ++frame) {
        ASSERT_OK(sealer.seal(as_bytes("same"), {.last = frame == 24}, out));
        ++sealed;
        if (frame == 10) {  // a moved sealer goes on where it was
          auto moved = std::move(sealer);
          sealer = std::move(moved);
        }
      }
      EXPECT_FALSE(sealer.seal({}, {}, out));
    }
  }
  EXPECT_EQ(recorder.count(), sealed);
  EXPECT_FALSE(recorder.repeated());
}

TEST_F(SealedStream, WouldNoticeARepeatedSalt) {
  PairRecorder recorder;
  CountingRandom always_the_same;
  for (int stream = 0; stream < 2; ++stream) {
    auto sealer = MUST(StreamSealerTestAccess::create(context_, key_, always_the_same, recorder));
    Bytes out;
    ASSERT_OK(sealer.seal({}, {}, out));
  }
  EXPECT_TRUE(recorder.repeated());
}

}  // namespace
}  // namespace spendsync::crypto
