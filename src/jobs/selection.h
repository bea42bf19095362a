// Which backups a type and a date on the command line mean.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "repository/label.h"

namespace spendsync::jobs {

/// A day in the configured zone, "YYYYMMDD", or one whole label. The type must agree with a label's.
class DateSelection {
 public:
  /// Errors: invalid (exit code 2), saying what would be accepted.
  static Result<DateSelection> parse(std::string_view type, std::string_view date, const TimeZone& zone);
  BackupType type() const { return type_; }
  bool matches(const repository::Label& label) const;
  /// A moment of the day; never for a whole label.
  bool matches(Timestamp moment) const { return !label_ && moment >= day_.begin && moment < day_.end; }

 private:
  DateSelection(BackupType type, std::optional<repository::Label> label, TimeZone::Day day)
      : type_(type), label_(std::move(label)), day_(day) {}
  BackupType type_;
  std::optional<repository::Label> label_;
  TimeZone::Day day_;
};

}  // namespace spendsync::jobs
