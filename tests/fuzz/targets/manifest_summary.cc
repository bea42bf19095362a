#include "base/testing.h"
#include "fuzz/targets.h"
#include "repository/manifest_json.h"

namespace spendsync::fuzz {
namespace {

bool reads(ByteView input) {
  const auto summary = repository::decode_summary(input);
  if (!summary) return false;
  const auto text = repository::encode_summary(*summary);
  const auto again = repository::decode_summary(as_bytes(text));
  require(again && repository::encode_summary(*again) == text, "what was written is read the same");
  return true;
}

Bytes sample(const char* label) {
  repository::ManifestSummary summary;
  summary.label = MUST(repository::Label::parse(label));
  if (summary.type() == BackupType::incremental) {
    summary.parent = MUST(repository::Label::parse("20240310T000000Z-full"));
  }
  summary.started = summary.stopped = summary.label.start();
  summary.start = {{1}, {0x2000028}};
  summary.stop = {{1}, {0x2000100}};
  summary.page_size = 8192;
  summary.major_version = 15;
  summary.system_identifier = {7300000000000000001u};
  summary.server_settings = {{"max_connections", "100"}};
  summary.page_failures = 2;
  summary.page_failure_files = {{"base/5/\xff", {0, 7}}};
  summary.captured_sets = {{1, "configuration", {"/etc/x"}, 3, 400}};
  summary.tablespaces = {{16500, "/srv/\xff fast"}};
  summary.incomplete = {"could not read /etc/x"};
  summary.notes = {{"collation", "153.120"}};
  summary.host = "db1";
  summary.keys = {{{}, crypto::KeyClass::meta, {"aa", "bb"}}};
  summary.chain = {77, {{"demo/1/logs/x", {}}}};
  return to_bytes(repository::encode_summary(summary));
}

}  // namespace

Target manifest_summary_target() {
  return {"manifest_summary",
          reads,
          {sample("20240315T120000Z-full"), sample("20240315T120000Z-incremental")},
          texts({"", "[]", "{}", "{\"version\":2}", "{\"version\":1,\"x\":" + std::string(5000, '[')}),
          {"null", "-1", "{\"hex\":\"ff\"}"}};
}

}  // namespace spendsync::fuzz
