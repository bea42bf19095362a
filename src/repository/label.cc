#include "repository/label.h"

#include "base/time.h"

namespace spendsync::repository {

Label Label::make(Timestamp start, BackupType type) {
  Timestamp second = std::chrono::floor<std::chrono::seconds>(start);
  return Label(second, type, format_compact_utc(second) + "-" + std::string(to_string(type)));
}

Result<Label> Label::parse(std::string_view text) {
  auto invalid = [&] {
    return Error(ErrorKind::invalid, "'" + std::string(text) + "' is no label such as 20240315T000000Z-full");
  };
  auto dash = text.find('-');
  if (dash == std::string_view::npos) return invalid();
  auto start = parse_compact_utc(text.substr(0, dash));
  auto type = parse_backup_type(text.substr(dash + 1));
  if (!start || !type) return invalid();
  Label label = make(*start, *type);
  if (label.text() != text) return invalid();  // one spelling only
  return label;
}

Label Label::next() const { return make(start_ + std::chrono::seconds(1), type_); }

}  // namespace spendsync::repository
