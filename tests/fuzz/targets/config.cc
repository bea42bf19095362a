#include "base/file.h"
#include "base/testing.h"
#include "config/load.h"
#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

/// What is accepted is shown as a configuration that is accepted again.
bool reads(ByteView input) {
  const auto inspection = config::inspect(as_text(input), "f");
  for (const auto& finding : inspection.diagnostics) {
    require(finding.position.line >= 0 && finding.position.column >= 0, "a finding has a place");
    require(finding.to_string().find('\n') == std::string::npos, "a finding is one line");
  }
  require(inspection.loaded.has_value() || !inspection.diagnostics.empty(), "what is refused has a finding");
  if (!inspection.loaded) return false;
  const auto shown = config::show_yaml(*inspection.loaded);
  require(config::inspect(shown, "f").loaded.has_value(), "what `config show` prints is accepted");
  return true;
}

std::vector<Bytes> corpus() {
  const std::string directory = std::string(SSB_SOURCE_DIRECTORY) + "/src/config/testdata";
  std::vector<Bytes> files;
  for (const auto& name : MUST(list_directory(directory))) {
    auto content = MUST(read_file(directory + "/" + name));
    const bool is_refused = !config::inspect(as_text(content), "f").loaded.has_value();
    if (is_refused && content.size() < 4096) files.push_back(std::move(content));
  }
  return files;
}

}  // namespace

Target config_target() {
  const auto example = MUST(read_file(std::string(SSB_SOURCE_DIRECTORY) + "/backup-config.yml"));
  const auto small = to_bytes(
      "version: 1\ncluster: test\ndatabase:\n  connection: \"host=/tmp port=5432 user=postgres dbname=postgres\"\n"
      "storage:\n  primary: { type: directory, path: /srv/b }\nencryption:\n  keys:\n"
      "    - { type: key-file, path: /srv/k }\nstate_directory: /srv/s\n");
  return {"config",
          reads,
          {example, small},
          corpus(),
          {"!!str ", "&a ", "*a", "<<: ", "|\n", ">\n", "---\n", "\t", "\r\n"}};
}

}  // namespace spendsync::fuzz
