#include "integration/transcript.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>

#include "base/testing.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

const std::string kEndMark = "<!-- transcript: end -->\n";

std::string begin_mark(const std::string& name) { return "<!-- transcript " + name + ": begin -->\n"; }
bool updating() { return std::getenv("SPENDSYNC_UPDATE_GENERATED") != nullptr; }

}  // namespace

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string comparable(std::string text) {
  const std::pair<const char*, const char*> rules[] = {
      {R"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC))", "TIME"},
      {R"(\d{8}T\d{6}Z)", "LABEL"},
      {R"(\b\d+(\.\d+)? (B|KiB|MiB|GiB|TiB)\b)", "SIZE"},
      {R"(\b\d+GB\b)", "SIZE"},
      {R"(\b\d+(\.\d+)? (us|ms|s|min|h|d)\b( \d+ (s|min|h)\b)?)", "DURATION"},
      {R"(\b[0-9A-F]{1,8}/[0-9A-F]{5,8}\b)", "LSN"},
      {R"(\b\d{18,20}\b)", "IDENTIFIER"},
      {R"(\bplan [0-9a-f]{16}\b)", "plan ID"},
      {R"(\b\d+ files\b)", "N files"},
      {R"(PostgreSQL \d[^\n]*)", "PostgreSQL VERSION"},
      {R"(=\d+(s|B);)", "=N;"},
      {R"(just now|DURATION ago)", "AGO"},
      {R"(lose (nothing|at most DURATION))", "lose LITTLE"},
      {R"(the server has written nothing since|SIZE of WAL is not stored yet)", "LAG"},
  };
  for (const auto& [pattern, replacement] : rules) text = std::regex_replace(text, std::regex(pattern), replacement);
  return text;
}

TranscriptPage::TranscriptPage(const std::string& path)
    : path_(source_directory() + "/" + path), page_(MUST(read_text_file(path_))) {}

void TranscriptPage::check(const std::string& name, const std::string& text) {
  const size_t begin = page_.find(begin_mark(name));
  ASSERT_NE(begin, std::string::npos) << "no place for the transcript of " << name << " in " << path_;
  const size_t first = begin + begin_mark(name).size();
  const size_t end = page_.find(kEndMark, first);
  ASSERT_NE(end, std::string::npos) << path_;
  if (updating()) {
    page_.replace(first, end - first, text);
  } else {
    EXPECT_EQ(comparable(page_.substr(first, end - first)), comparable(text)) << name << " in " << path_;
  }
}

void TranscriptPage::finish() const {
  if (updating()) MUST(replace_file(path_, as_bytes(page_), 0644));
}

}  // namespace spendsync::testing
