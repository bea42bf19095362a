#include "repository/frame.h"

#include "crypto/sealed_stream.h"

namespace spendsync::repository {
namespace {

constexpr uint8_t kBaseFlag = 1;
constexpr uint8_t kPartFlag = 2;  // skip and length follow

bool is_whole(const FrameRun& run) { return run.skip == 0 && run.length == run.raw_bytes(); }

uint64_t next_offset(const FrameRun& run) {
  uint64_t offset = run.first_offset;
  for (auto size : run.stored_sizes) offset += crypto::kFrameOverhead + size;
  return offset;
}

/// Whether `frame` follows the last frame of `run` and the run stays of one size but for its last.
/// `run_end` is where the next frame's header would stand.
bool continues(const FrameRun& run, uint64_t run_end, const FrameRef& frame) {
  return run.source == frame.source && run.pack == frame.pack && run.frames() < kFramesPerRunMax &&
         run.first_number + run.frames() == frame.number && run_end == frame.offset &&
         run.last_raw_size == run.raw_size && frame.raw_size <= run.raw_size && is_whole(run);
}

FrameRun run_of(const FrameRef& frame) {
  FrameRun run;
  run.source = frame.source;
  run.pack = frame.pack;
  run.first_number = frame.number;
  run.first_offset = frame.offset;
  run.raw_size = frame.raw_size;
  run.last_raw_size = frame.raw_size;
  run.stored_sizes.push_back(frame.stored_size);
  run.length = frame.raw_size;
  return run;
}

}  // namespace

uint64_t FrameRun::raw_bytes() const {
  if (frames() == 0) return 0;
  return uint64_t{raw_size} * (frames() - 1) + last_raw_size;
}

void FrameRuns::add(const FrameRef& frame) {
  if (runs_.empty() || !continues(runs_.back(), end_offset_, frame)) {
    runs_.push_back(run_of(frame));
  } else {
    auto& run = runs_.back();
    run.stored_sizes.push_back(frame.stored_size);
    run.last_raw_size = frame.raw_size;
    run.length += frame.raw_size;
  }
  end_offset_ = frame.offset + crypto::kFrameOverhead + frame.stored_size;
}

void FrameRuns::add_part(const FrameRef& frame, uint64_t skip, uint64_t length) {
  auto run = run_of(frame);
  run.skip = skip;
  run.length = length;
  add_run(std::move(run));
}

void FrameRuns::append(FrameRuns&& later) {
  for (auto& run : later.runs_) add_run(std::move(run));
  later.runs_.clear();
}

void FrameRuns::add_run(FrameRun run) {
  if (run.frames() == 0) return;
  FrameRef first{run.source,        run.pack, run.first_number, run.first_offset, run.stored_sizes.front(),
                 run.raw_size_of(0)};
  auto end = next_offset(run);
  bool merges = !runs_.empty() && is_whole(run) && continues(runs_.back(), end_offset_, first) &&
                (run.frames() == 1 || run.raw_size == runs_.back().raw_size) &&
                runs_.back().frames() + run.frames() <= kFramesPerRunMax;
  if (merges) {
    auto& last = runs_.back();
    last.stored_sizes.insert(last.stored_sizes.end(), run.stored_sizes.begin(), run.stored_sizes.end());
    last.last_raw_size = run.last_raw_size;
    last.length += run.length;
  } else {
    runs_.push_back(std::move(run));
  }
  end_offset_ = end;
}

uint64_t FrameRuns::length() const {
  uint64_t length = 0;
  for (const auto& run : runs_) length += run.length;
  return length;
}

uint64_t FrameRuns::frames() const {
  uint64_t frames = 0;
  for (const auto& run : runs_) frames += run.frames();
  return frames;
}

void encode_frame_runs(const FrameRuns& runs, Bytes& out) {
  ByteWriter writer(out);
  writer.varint(runs.runs().size());
  for (const auto& run : runs.runs()) {
    bool whole = is_whole(run);
    writer.u8(static_cast<uint8_t>((run.source == FrameSource::base ? kBaseFlag : 0) | (whole ? 0 : kPartFlag)));
    writer.varint(run.pack);
    writer.varint(run.first_number);
    writer.varint(run.first_offset);
    writer.varint(run.raw_size);
    writer.varint(run.last_raw_size);
    writer.varint(run.frames());
    for (auto size : run.stored_sizes) writer.varint(size);
    if (whole) continue;
    writer.varint(run.skip);
    writer.varint(run.length);
  }
}

namespace {

Result<uint32_t> small_varint(ByteReader& in, uint64_t max, std::string_view what) {
  auto value = TRY(in.varint());
  if (value > max) return Error(ErrorKind::corrupt, std::string(what) + " of a frame run is out of range");
  return static_cast<uint32_t>(value);
}

Result<void> decode_stored_sizes(ByteReader& in, FrameRun& run) {
  auto count = TRY(small_varint(in, kFramesPerRunMax, "the number of frames"));
  // Every size takes a byte at least: a claim the input cannot hold allocates nothing.
  if (count == 0 || count > in.remaining()) return Error(ErrorKind::corrupt, "a frame run claims impossible frames");
  run.stored_sizes.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    auto size = TRY(small_varint(in, crypto::kFramePayloadMax, "a stored size"));
    run.stored_sizes.push_back(size);
  }
  return ok();
}

Result<FrameRun> decode_frame_run(ByteReader& in) {
  FrameRun run;
  auto flags = TRY(in.u8());
  if ((flags & ~(kBaseFlag | kPartFlag)) != 0) return Error(ErrorKind::corrupt, "a frame run has unknown flags");
  run.source = (flags & kBaseFlag) != 0 ? FrameSource::base : FrameSource::own;
  run.pack = TRY(small_varint(in, UINT32_MAX, "the pack"));
  run.first_number = TRY(small_varint(in, UINT32_MAX, "the frame number"));
  run.first_offset = TRY(in.varint());
  if (run.first_offset > (uint64_t{1} << 48)) return Error(ErrorKind::corrupt, "a frame run lies beyond any pack");
  run.raw_size = TRY(small_varint(in, crypto::kFramePayloadMax, "the raw size"));
  run.last_raw_size = TRY(small_varint(in, crypto::kFramePayloadMax, "the raw size"));
  TRY(decode_stored_sizes(in, run));
  bool sizes_agree = run.last_raw_size > 0 && run.last_raw_size <= run.raw_size &&
                     (run.frames() > 1 || run.last_raw_size == run.raw_size);
  if (!sizes_agree) return Error(ErrorKind::corrupt, "the raw sizes of a frame run disagree");
  run.length = run.raw_bytes();
  if ((flags & kPartFlag) != 0) {
    run.skip = TRY(in.varint());
    run.length = TRY(in.varint());
    auto all = run.raw_bytes();
    bool inside = run.skip < all && run.length > 0 && run.length <= all - run.skip;
    if (!inside) return Error(ErrorKind::corrupt, "a frame run's part lies outside its frames");
  }
  return run;
}

}  // namespace

Result<FrameRuns> decode_frame_runs(ByteReader& in) {
  auto count = TRY(in.varint());
  constexpr size_t kRunBytesMin = 8;
  if (count > in.remaining() / kRunBytesMin)
    return Error(ErrorKind::corrupt, "more frame runs are claimed than are there");
  FrameRuns runs;
  uint64_t length = 0;
  for (uint64_t i = 0; i < count; ++i) {
    auto run = TRY(decode_frame_run(in));
    length += run.length;
    if (length > (uint64_t{1} << 60)) return Error(ErrorKind::corrupt, "frame runs claim an impossible length");
    runs.add_run(std::move(run));
  }
  return runs;
}

}  // namespace spendsync::repository
