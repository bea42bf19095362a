// Are the pages just read what the server wrote? (backup/basebackup.c: verify_page_checksum; storage/page/bufpage.c:
// PageIsVerifiedExtended)
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/types.h"

namespace spendsync::backup {

/// Looks at the pages of one file at a time. A page whose checksum does not match may have been caught half written,
/// so it is read once more after a moment. What is still wrong then is damage at the source, unless the page has been
/// changed since the backup's start, which makes replay rewrite it whole. One thread at a time.
///
/// Stricter than the server's own base backup in two ways: a page that claims to be new must be all zeros, as the
/// server itself demands when it reads one; and a page that claims a change later than any WAL there is was not
/// written by this server.
class PageCheck {
 public:
  struct Settings {
    uint32_t page_size = 8192;
    bool enabled = true;  // the cluster has data checksums
    Lsn backup_start;     // pages changed since are rewritten by replay, so they may be torn
    /// The end of WAL now. Asked only about pages that do not match; any thread. Empty: such pages are believed.
    std::function<Result<Lsn>()> newest_lsn;
    std::chrono::milliseconds second_look_after{10};
    unsigned waits_max = 16;  // a file, so that one that is damaged all over does not hold up the backup
  };
  PageCheck(Settings settings, const Clock& clock) : settings_(settings), clock_(clock) {}

  struct Source {
    const Fd& fd;
    std::string_view name;
    uint32_t first_block = 0;  // of the file, counted from the start of the relation: what checksums are made with
  };
  /// A new file begins.
  void begin_file() { waits_ = 0; }
  /// `pages` was read from `offset`, a multiple of the page size; a part of a page at its end is not looked at.
  /// Pages that were good at the second look are put in place. Appends the blocks of bad ones, counted from the
  /// file's beginning. Errors: cancelled, and those of reading.
  Result<void> check(const Source& source, uint64_t offset, MutableBytes pages, std::vector<uint32_t>& bad_blocks,
                     std::stop_token stop);

 private:
  Result<bool> second_look(const Source& source, uint32_t block_in_file, MutableBytes page);
  Result<bool> replay_rewrites(ByteView page);

  Settings settings_;
  const Clock& clock_;
  unsigned waits_ = 0;
  Lsn newest_;                      // WAL is known to reach at least this far
  std::vector<uint32_t> suspects_;  // reused
  Bytes again_;                     // reused
};

}  // namespace spendsync::backup
