#include "jobs/selection.h"

namespace spendsync::jobs {

Result<DateSelection> DateSelection::parse(std::string_view type_text, std::string_view date, const TimeZone& zone) {
  auto type = parse_backup_type(type_text);
  if (!type) return std::move(type).error().with_hint("types are full, incremental and transaction_logs");
  if (date.find('T') != std::string_view::npos) {
    auto label = repository::Label::parse(date);
    if (!label) return std::move(label).error().with_hint("a date is YYYYMMDD or a whole label as `list` prints it");
    if (label->type() != *type) {
      return Error(ErrorKind::invalid, "the label " + std::string(date) + " is not of type " + std::string(type_text));
    }
    return DateSelection(*type, *label, TimeZone::Day{});
  }
  auto day = zone.parse_day(date);
  if (!day) return std::move(day).error().with_hint("a date is YYYYMMDD or a whole label as `list` prints it");
  return DateSelection(*type, std::nullopt, *day);
}

bool DateSelection::matches(const repository::Label& label) const {
  if (label_) return label == *label_;
  return label.type() == type_ && label.start() >= day_.begin && label.start() < day_.end;
}

}  // namespace spendsync::jobs
