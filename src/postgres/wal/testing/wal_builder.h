// Writes WAL as a server does, for tests. Included by tests only.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "base/crc32c.h"
#include "postgres/wal/page_header.h"
#include "postgres/wal/record.h"

namespace spendsync::postgres {

/// Appends records from a segment's beginning on; pages, headers and continuations as the server lays them out.
class WalBuilder {
 public:
  struct Settings {
    uint32_t segment_size = 1u << 20;
    uint32_t page_size = 8192;
    int major_version = 15;
    SystemIdentifier system_identifier{7412345678901234567};
    TimelineId timeline{1};
    uint64_t first_segment = 3;
  };
  WalBuilder() : WalBuilder(Settings{}) {}
  explicit WalBuilder(Settings settings)
      : settings_(settings), position_(settings.first_segment * settings.segment_size) {}

  struct Record {
    uint8_t resource_manager = 0;
    uint8_t info = 0;
    uint32_t transaction = 0;
    std::string headers = {};    // of block references, origin, top transaction
    std::string payload = {};    // of the block references
    std::string main_data = {};  // its length header is made here
  };

  /// Returns where the record begins.
  Lsn append(const Record& record) {
    std::string body = record.headers;
    if (record.main_data.size() > 255) {
      body += '\xFE' + integer(static_cast<uint32_t>(record.main_data.size()));
    } else if (!record.main_data.empty()) {
      body += '\xFF' + std::string(1, static_cast<char>(record.main_data.size()));
    }
    body += record.payload + record.main_data;
    std::string header = integer(static_cast<uint32_t>(kRecordHeaderSize + body.size())) + integer(record.transaction) +
                         integer(last_record_.value) + std::string(1, static_cast<char>(record.info)) +
                         std::string(1, static_cast<char>(record.resource_manager)) + std::string(2, '\0');
    uint32_t crc = crc32c(crc32c(0, as_bytes(body)), as_bytes(header));
    return write_record(header + integer(crc) + body);
  }

  Lsn commit(uint32_t transaction, Timestamp time) {
    return append(
        {.resource_manager = 1, .info = 0x00, .transaction = transaction, .main_data = integer(to_postgres(time))});
  }
  Lsn abort(uint32_t transaction, Timestamp time) {
    return append(
        {.resource_manager = 1, .info = 0x20, .transaction = transaction, .main_data = integer(to_postgres(time))});
  }
  Lsn restore_point(const std::string& name, Timestamp time) {
    std::string padded = name;
    padded.resize(64, '\0');
    return append({.info = 0x70, .main_data = integer(to_postgres(time)) + padded});
  }
  /// A record nobody looks into.
  Lsn fill(size_t bytes) { return append({.resource_manager = 10, .main_data = std::string(bytes, 'f')}); }
  /// XLOG_SWITCH: the rest of the segment is zeros.
  Lsn switch_segment() {
    Lsn start = append({.info = 0x40});
    uint64_t size = settings_.segment_size;
    position_ = (position_ + size - 1) / size * size;
    ensure(position_ - 1);
    return start;
  }
  /// Begins a record and leaves it unfinished at the end of the page, as a crash does; goes on at the next page, which
  /// says that it overwrites the continuation.
  void crash_in_record(size_t bytes) {
    uint64_t before = position_;
    auto pages = pages_;
    append({.resource_manager = 10, .main_data = std::string(bytes, 'c')});
    uint64_t next_page = (before / settings_.page_size + 1) * settings_.page_size;
    Bytes first_page = segment_bytes(next_page - settings_.page_size, settings_.page_size);
    pages_ = std::move(pages);
    ensure(next_page - 1);
    std::ranges::copy(first_page, page_at(next_page - settings_.page_size).begin());
    last_record_ = last_before_;
    position_ = next_page;
    overwrites_ = true;
  }

  /// The rest of the segment is filled with records, so that it is complete.
  void fill_segment() {
    uint64_t end = (position_ / settings_.segment_size + 1) * settings_.segment_size;
    while (position_ < end) fill(2000);
  }
  /// From here on pages are of another timeline (as after a promotion in the middle of a segment).
  void set_timeline(TimelineId timeline) { settings_.timeline = timeline; }

  /// A segment's bytes; zeros where nothing was written.
  Bytes segment(uint64_t number) { return segment_bytes(number * settings_.segment_size, settings_.segment_size); }
  SegmentName name(uint64_t number) const { return {settings_.timeline, number}; }
  uint64_t first_segment() const { return settings_.first_segment; }
  /// Where the next record will begin, but for a page header.
  Lsn position() const { return Lsn{position_}; }
  Lsn last_record() const { return last_record_; }
  const Settings& settings() const { return settings_; }

  template <class T>
  static std::string integer(T value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  }
  static int64_t to_postgres(Timestamp time) { return time.time_since_epoch().count() - 946684800000000; }

 private:
  Lsn write_record(const std::string& record) {
    skip_page_header(0);
    Lsn start{position_};
    size_t written = 0;
    while (written < record.size()) {
      if (position_ % settings_.page_size == 0) skip_page_header(static_cast<uint32_t>(record.size() - written));
      size_t room = settings_.page_size - position_ % settings_.page_size;
      size_t part = std::min(room, record.size() - written);
      ensure(position_);
      auto& page = page_at(position_ / settings_.page_size * settings_.page_size);
      std::memcpy(page.data() + position_ % settings_.page_size, record.data() + written, part);
      written += part;
      position_ += part;
    }
    position_ = (position_ + 7) / 8 * 8;
    last_before_ = last_record_;
    last_record_ = start;
    return start;
  }

  /// At the beginning of a page: writes its header and steps over it.
  void skip_page_header(uint32_t remaining) {
    if (position_ % settings_.page_size != 0) return;
    ensure(position_);
    bool is_long = position_ % settings_.segment_size == 0;
    auto& page = page_at(position_);
    uint16_t info = is_long ? kLongHeader : uint16_t{0};
    if (remaining != 0) info |= kFirstIsContinuation;
    if (overwrites_) info |= kFirstIsOverwrittenContinuation;
    overwrites_ = false;
    std::string header = integer(page_magic_of(settings_.major_version).value_or(0)) + integer(info) +
                         integer(settings_.timeline.value) + integer(position_) + integer(remaining) +
                         integer(uint32_t{0});
    if (is_long) {
      header +=
          integer(settings_.system_identifier.value) + integer(settings_.segment_size) + integer(settings_.page_size);
    }
    std::memcpy(page.data(), header.data(), header.size());
    position_ += header.size();
  }

  void ensure(uint64_t position) { page_at(position / settings_.page_size * settings_.page_size); }
  Bytes& page_at(uint64_t start) {
    auto& page = pages_[start];
    page.resize(settings_.page_size);
    return page;
  }
  Bytes segment_bytes(uint64_t begin, uint64_t size) {
    Bytes bytes(size);
    for (const auto& [start, page] : pages_) {
      if (start >= begin && start < begin + size) {
        std::ranges::copy(page, bytes.begin() + static_cast<ptrdiff_t>(start - begin));
      }
    }
    return bytes;
  }

  Settings settings_;
  uint64_t position_;
  Lsn last_record_;
  Lsn last_before_;
  bool overwrites_ = false;
  std::map<uint64_t, Bytes> pages_;  // by the LSN at which they begin
};

}  // namespace spendsync::postgres
