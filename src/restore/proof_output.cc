// What PostgreSQL's checking programs write, understood.
#include <algorithm>
#include <charconv>
#include <istream>

#include "restore/proof_checks.h"

namespace spendsync::restore {
namespace {

/// The first number at or after `at`.
std::optional<uint64_t> number_after(std::string_view text, size_t at) {
  at = text.find_first_of("0123456789", at);
  if (at == std::string_view::npos) return std::nullopt;
  uint64_t number = 0;
  std::from_chars(text.data() + at, text.data() + text.size(), number);
  return number;
}

/// "base/5/16384.1" -> "base/5/16384".
std::string first_file(const std::string& file) {
  const auto dot = file.find('.', file.find_last_of('/') + 1);
  return file.substr(0, dot);
}

/// ... checksum verification failed in file "DATA/base/5/16384", block 3: ...
std::optional<FailedPage> failed_page(const std::string& line, const std::string& data_directory) {
  constexpr std::string_view kWords = "checksum verification failed in file \"";
  const auto words = line.find(kWords);
  if (words == std::string::npos) return std::nullopt;
  const auto begin = words + kWords.size();
  const auto end = line.find("\", block ", begin);
  if (end == std::string::npos) return std::nullopt;
  auto file = line.substr(begin, end - begin);
  if (file.starts_with(data_directory + "/")) file.erase(0, data_directory.size() + 1);
  return FailedPage{std::move(file), static_cast<uint32_t>(number_after(line, end).value_or(0))};
}

/// heap table "shop.public.orders", block 0, offset 1:
std::optional<ProofFinding> finding_head(const std::string& line) {
  const bool head = line.starts_with("heap table \"") || line.starts_with("btree index \"") ||
                    line.starts_with("gin index \"") || line.starts_with("sequence \"");
  if (!head || !line.ends_with(':')) return std::nullopt;
  const auto begin = line.find('"') + 1;
  const auto end = line.find_last_of('"');
  auto name = line.substr(begin, end - begin);
  const auto dot = name.find('.');
  if (dot == std::string::npos) return std::nullopt;
  return ProofFinding{name.substr(0, dot), name.substr(dot + 1), line.substr(end + 1), false};
}

}  // namespace

bool SourceDamage::has_page(const std::string& file, uint32_t block) const {
  constexpr size_t kNamed = 100;  // PageFailures names no more
  return std::ranges::any_of(files_, [&](const auto& failures) {
    if (failures.path != file) return false;
    return failures.blocks.size() >= kNamed || std::ranges::find(failures.blocks, block) != failures.blocks.end();
  });
}

bool SourceDamage::has_relation(const std::string& file) const {
  return std::ranges::any_of(files_, [&](const auto& failures) { return first_file(failures.path) == file; });
}

bool SourceDamage::is_told_in(const std::string& message) const {
  return std::ranges::any_of(files_, [&](const auto& failures) {
    const auto file = first_file(failures.path);
    const auto at = message.find(file);
    if (at == std::string::npos) return false;
    const auto after = at + file.size();
    return after >= message.size() || message[after] < '0' || message[after] > '9';
  });
}

ChecksumResult parse_checksum_output(std::istream& output, const std::string& data_directory) {
  ChecksumResult result;
  std::optional<uint64_t> pages;
  for (std::string line; std::getline(output, line);) {
    if (line.empty()) continue;
    if (auto page = failed_page(line, data_directory)) {
      ++result.failed;
      if (result.first.size() < ProofCheck::kFindingsKept) result.first.push_back(*std::move(page));
    } else if (line.starts_with("Blocks scanned:")) {
      pages = number_after(line, 0);
    } else if (line.starts_with("Bad checksums:")) {
      result.pages = pages;                                                        // the line after the last file
      result.failed = std::max(result.failed, number_after(line, 0).value_or(0));  // lines that were not understood
    }
    result.last_line = line;
  }
  return result;
}

AmcheckResult parse_amcheck_output(std::istream& output, const SourceDamage& source) {
  AmcheckResult result;
  result.check.name = "pg_amcheck";
  result.check.unit = "relations";
  std::optional<ProofFinding> finding;
  for (std::string line; std::getline(output, line);) {
    if (line.empty()) continue;
    result.last_line = line;
    if (const auto relations = line.find(" relations ("); relations != std::string::npos) {
      result.relations = number_after(line, 0).value_or(0);  // "12/412 relations (3%), ..."
    } else if (auto head = finding_head(line)) {
      finding = std::move(head);
    } else if (finding && line.starts_with("    ")) {
      finding->what = line.substr(line.find_first_not_of(' ')) +
                      (finding->what == ":" ? "" : " (" + finding->what.substr(2, finding->what.size() - 3) + ")");
      finding->in_source = source.is_told_in(line);
      result.check.add(*std::move(finding));
      finding.reset();
    }
  }
  result.check.checked = result.relations;
  return result;
}

}  // namespace spendsync::restore
