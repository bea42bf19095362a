// Transcripts in the documentation: made by tests, and compared with what is committed. With
// SPENDSYNC_UPDATE_GENERATED=1 they are written instead.
#pragma once

#include <string>

namespace spendsync::testing {

/// What differs between two runs (times, sizes, positions, identifiers), made equal.
std::string comparable(std::string text);

void replace_all(std::string& text, const std::string& from, const std::string& to);

/// A page of the source tree with places for transcripts:
///   <!-- transcript NAME: begin --> ... <!-- transcript: end -->
/// Fails the running test where it has no such place, or where the text there differs in more than comparable() makes
/// equal.
class TranscriptPage {
 public:
  /// `path` is relative to the source tree.
  explicit TranscriptPage(const std::string& path);
  /// `text` holds the fences of its code block.
  void check(const std::string& name, const std::string& text);
  /// Writes the page when it is to be updated.
  void finish() const;

 private:
  std::string path_;
  std::string page_;
};

}  // namespace spendsync::testing
