#include "postgres/debian_clusters.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/json.h"
#include "base/subprocess.h"

namespace spendsync::postgres {
namespace {

constexpr int kDepthMax = 8;
constexpr std::chrono::seconds kTimeout{30};

/// Perl writes a number as one or as text, whichever it used it as last.
Result<int64_t> number(const Json& row, std::string_view name) {
  auto value = row.integer(name);
  if (value) return value;
  const auto text = TRY(row.text(name));
  int64_t parsed = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (failed != std::errc() || end != text.data() + text.size()) {
    return Error(ErrorKind::corrupt, "pg_lsclusters answered \"" + text + "\" for " + std::string(name));
  }
  return parsed;
}

Result<DebianCluster> parse_row(const Json& row) {
  DebianCluster cluster;
  const auto major = TRY(number(row, "version"));
  const auto port = TRY(number(row, "port"));
  const auto running = TRY(number(row, "running"));
  const auto owner = TRY(number(row, "owneruid"));
  cluster.major = static_cast<int>(major);
  cluster.port = static_cast<int>(port);
  cluster.running = running != 0;
  cluster.owner = static_cast<uid_t>(owner);
  cluster.name = TRY(row.text("cluster"));
  cluster.data_directory = TRY(row.text("pgdata"));
  cluster.config_directory = TRY(row.text("configdir"));
  cluster.socket_directory = TRY(row.text("socketdir"));
  return cluster;
}

}  // namespace

Result<std::vector<DebianCluster>> parse_debian_clusters(std::string_view json) {
  const auto parsed = TRY(Json::parse(json, kDepthMax));
  const auto* rows = parsed.as_array();
  if (rows == nullptr) return Error(ErrorKind::corrupt, "pg_lsclusters answered no list");
  std::vector<DebianCluster> clusters;
  for (const auto& row : *rows) {
    auto cluster = TRY_CONTEXT(parse_row(row), "the answer of pg_lsclusters");
    clusters.push_back(std::move(cluster));
  }
  std::sort(clusters.begin(), clusters.end(), [](const DebianCluster& one, const DebianCluster& other) {
    return std::tie(one.major, one.name) < std::tie(other.major, other.name);
  });
  return clusters;
}

Result<std::vector<DebianCluster>> find_debian_clusters(std::stop_token stop) {
  Command command;
  command.arguments = {"pg_lsclusters", "-j"};
  auto output = run_checked(command, stop, kTimeout);
  if (!output && output.error().is(ErrorKind::not_found)) return std::vector<DebianCluster>();
  const auto text = TRY(std::move(output));
  return parse_debian_clusters(text);
}

}  // namespace spendsync::postgres
