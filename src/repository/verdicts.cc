#include "repository/verdicts.h"

#include <algorithm>

#include "base/json.h"
#include "base/time.h"
#include "repository/findings.h"
#include "repository/marks.h"
#include "repository/record_json.h"

namespace spendsync::repository {

namespace {

constexpr uint64_t kVersion = 1;
constexpr uint64_t kVerdictsMax = 16u << 20;

/// The backup in whose folder an object lies.
std::optional<Label> backup_of(const Layout& layout, std::string_view key) {
  const auto prefix = layout.backups_prefix();
  if (!key.starts_with(prefix)) return std::nullopt;
  auto rest = key.substr(prefix.size());
  auto label = Label::parse(rest.substr(0, rest.find('/')));
  return label ? std::optional(*label) : std::nullopt;
}

Result<Verdicts> parse_verdicts(ByteView content) {
  auto json = TRY(parse_object(content));
  auto version = TRY(json.unsigned_integer("version"));
  if (version > kVersion) return Error(ErrorKind::unsupported, "it has version " + std::to_string(version));
  auto verified = TRY(read_time(json, "verified"));
  auto host = TRY(json.text("host"));
  auto list = TRY(json.array_of("labels"));
  Verdicts verdicts;
  for (const auto& element : *list) {
    auto label = TRY(read_label(element, "label"));
    Verdict verdict{.good = TRY(element.boolean("good")), .verified = verified, .host = host, .object = {}, .what = {}};
    if (!verdict.good) {
      verdict.object = TRY(element.text("object"));
      verdict.what = TRY(element.text("what"));
    }
    verdicts.emplace(label, std::move(verdict));
  }
  return verdicts;
}

}  // namespace

Verdicts judge(const Layout& layout, const std::vector<std::pair<Label, VerifyReport>>& reports, Timestamp verified,
               const std::string& host) {
  Verdicts verdicts;
  auto damage = [&](const Label& label, const Finding& finding) {
    auto& verdict = verdicts.try_emplace(label, Verdict{true, verified, host, {}, {}}).first->second;
    if (!verdict.good) return;  // the first one is told
    verdict.good = false;
    verdict.object = finding.key;
    verdict.what = finding.what;
  };
  for (const auto& [label, report] : reports) {
    verdicts.try_emplace(label, Verdict{true, verified, host, {}, {}});
    for (const auto& finding : report.findings) {
      damage(label, finding);
      if (auto other = backup_of(layout, finding.key)) damage(*other, finding);
    }
  }
  return verdicts;
}

Result<void> put_verdicts(Repository& repository, const Verdicts& verdicts) {
  if (verdicts.empty()) return ok();
  const auto& first = verdicts.begin()->second;
  auto labels = Json::array();
  for (const auto& [label, verdict] : verdicts) {
    auto element = Json::object();
    element.set("label", label.text()).set("good", verdict.good);
    if (!verdict.good) element.set("object", valid_text(verdict.object)).set("what", valid_text(verdict.what));
    labels.push(std::move(element));
  }
  auto json = Json::object();
  json.set("version", kVersion).set("verified", format_utc(first.verified)).set("host", valid_text(first.host));
  json.set("labels", std::move(labels));
  const auto key = repository.layout().verdict(first.verified, RunId::random(repository.random()));
  const auto text = json.dump();
  const auto meta_key = TRY(identity_key(repository));
  TRY(repository.put_document({ObjectType::verdict, key, as_bytes(text)}, meta_key));
  return ok();
}

Result<Verdicts> read_verdicts(Repository& repository, std::stop_token stop) {
  std::vector<storage::ObjectKey> keys;
  TRY(repository.store().list(repository.layout().verdicts_prefix(), "", [&](const storage::ObjectInfo& info) {
    if (classify_key(repository.layout(), info.key) == ObjectType::verdict) keys.push_back(info.key);
    return ok();
  }));
  Verdicts newest;
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while reading verdicts");
    auto content = repository.get_document(ObjectType::verdict, *key, kVerdictsMax);
    if (!content && says_nothing_of_the_object(content.error())) return std::move(content).error();
    auto verdicts = content ? parse_verdicts(*content) : Result<Verdicts>(content.error());
    if (!verdicts) continue;                            // verify names it
    newest.insert(verdicts->begin(), verdicts->end());  // keeps what is newer
  }
  return newest;
}

std::optional<std::string> why_damaged(const Verdicts& verdicts, const Label& label,
                                       const std::optional<Label>& parent) {
  auto look = [&](const Label& at) -> std::optional<std::string> {
    auto found = verdicts.find(at);
    if (found == verdicts.end() || found->second.good) return std::nullopt;
    return "verify of " + format_utc(found->second.verified) + " found damage: " + found->second.object + ": " +
           found->second.what;
  };
  auto own = look(label);
  if (own || !parent) return own;
  auto full = look(*parent);
  if (full) return "its full " + parent->text() + ": " + *full;
  return std::nullopt;
}

}  // namespace spendsync::repository
