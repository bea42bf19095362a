// Every file in testdata/ begins with the findings that it must have, one `# expect:` line each, and no others.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"
#include "base/testing.h"
#include "config/load.h"

namespace spendsync::config {
namespace {

std::vector<std::string> corpus() {
  auto names = list_directory(SSB_CONFIG_TESTDATA);
  return names ? *names : std::vector<std::string>{};
}

std::vector<std::string> expected_findings(std::string_view text) {
  constexpr std::string_view kMark = "# expect: ";
  std::vector<std::string> result;
  while (text.starts_with(kMark)) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(kMark.size(), end - kMark.size()));
    if (line.ends_with('\r')) line.pop_back();
    result.push_back("f:" + line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

class BadConfiguration : public testing::TestWithParam<std::string> {};

TEST_P(BadConfiguration, HasTheFindingsThatItNames) {
  const Bytes bytes = MUST(read_file(SSB_CONFIG_TESTDATA "/" + GetParam()));
  const auto expected = expected_findings(as_text(bytes));
  ASSERT_FALSE(expected.empty()) << "the file names no finding";

  const Inspection inspection = inspect(as_text(bytes), "f");
  std::vector<std::string> found;
  bool has_error = false;
  for (const Diagnostic& diagnostic : inspection.diagnostics) {
    found.push_back(diagnostic.to_string());
    has_error = has_error || diagnostic.severity == Severity::error;
    EXPECT_EQ(diagnostic.to_string().find("hunter2"), std::string::npos) << "a secret is never repeated";
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(inspection.loaded.has_value(), !has_error);
}

INSTANTIATE_TEST_SUITE_P(Corpus, BadConfiguration, testing::ValuesIn(corpus()), [](const auto& parameter) {
  std::string name = parameter.param.substr(0, parameter.param.rfind('.'));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

TEST(BadConfigurationCorpus, IsThere) { EXPECT_GE(corpus().size(), 150u); }

}  // namespace
}  // namespace spendsync::config
