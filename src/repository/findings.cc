#include "repository/findings.h"

#include <algorithm>

namespace spendsync::repository {

namespace {

constexpr size_t kKept = 10000;

}  // namespace

void Findings::add(std::string key, ErrorKind kind, std::string what) {
  std::lock_guard lock(mutex_);
  ++total_;
  if (findings_.size() < kKept) findings_.push_back({std::move(key), kind, std::move(what)});
}

void Findings::add_file(std::string key, std::string what, std::string file, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  ++total_;
  if (findings_.size() >= kKept) return;
  findings_.push_back({std::move(key), ErrorKind::corrupt, std::move(what), std::move(file), bytes});
}

bool says_nothing_of_the_object(const Error& error) {
  return error.is(ErrorKind::cancelled) || error.is(ErrorKind::transient) || error.is(ErrorKind::exhausted);
}

void Findings::count_object(uint64_t bytes) {
  objects_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (progress_ == nullptr) return;
  progress_->add_items(1);
  progress_->add_bytes(bytes);
}

bool Findings::first_time(const std::string& name) {
  std::lock_guard lock(mutex_);
  return done_.insert(name).second;
}

VerifyReport Findings::take() {
  std::lock_guard lock(mutex_);
  VerifyReport report;
  std::stable_sort(findings_.begin(), findings_.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  report.findings = std::move(findings_);
  report.findings_total = total_;
  report.objects = objects_;
  report.bytes = bytes_;
  report.files = files_;
  return report;
}

}  // namespace spendsync::repository
