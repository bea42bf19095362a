#include "cli/line/option.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "config/scalars.h"

namespace spendsync::cli {
namespace {

std::vector<std::string> split(const std::string& names) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= names.size();) {
    const auto end = std::min(names.find(',', begin), names.size());
    parts.push_back(names.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Option valued(const std::string& name, std::string value_name, std::string description) {
  Option option{.names = split(name), .description = std::move(description), .takes_value = true};
  option.value_name = std::move(value_name);
  return option;
}

/// An empty text, as "$UNSET" gives: of an option it is a mistake, and means no argument where one may be left out.
std::function<Result<void>(const std::string&)> unless_empty(const std::string& name,
                                                             std::function<Result<void>(const std::string&)> take) {
  return [name, take = std::move(take)](const std::string& text) -> Result<void> {
    if (!text.empty()) return take(text);
    if (!name.starts_with('-')) return ok();
    return Error(ErrorKind::invalid, name + " needs a value, and is given an empty one");
  };
}

std::function<Result<void>(const std::string&)> number_into(const std::string& name, std::optional<unsigned>& target,
                                                            Range range) {
  return [name, &target, range](const std::string& text) -> Result<void> {
    uint64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = problem == std::errc() && end == text.data() + text.size();
    if (!whole || value < range.least || value > range.most) {
      return Error(ErrorKind::invalid,
                   range.most >= UINT32_MAX
                       ? fmt::format("{} takes a number, not '{}'", name, text)
                       : fmt::format("{} takes a number from {} to {}, not '{}'", name, range.least, range.most, text));
    }
    target = static_cast<unsigned>(value);
    return ok();
  };
}

}  // namespace

Option Option::required() && {
  is_required = true;
  return std::move(*this);
}
Option Option::hidden() && {
  is_hidden = true;
  return std::move(*this);
}
Option Option::needs(std::string name) && {
  needed.push_back(std::move(name));
  return std::move(*this);
}
Option Option::excludes(std::vector<std::string> others) && {
  excluded.insert(excluded.end(), others.begin(), others.end());
  return std::move(*this);
}
Option Option::only(std::vector<std::string> words) && {
  choices = std::move(words);
  take = [name = names.back(), words = choices, inner = std::move(take)](const std::string& text) -> Result<void> {
    std::string all;
    for (const auto& word : words) {
      if (word == text) return inner(text);
      all += (all.empty() ? "" : ", ") + word;
    }
    return Error(ErrorKind::invalid, fmt::format("{} is one of {}, not '{}'", name, all, text));
  };
  return std::move(*this);
}
Option Option::offers(std::vector<std::string> words) && {
  choices = std::move(words);
  return std::move(*this);
}

Option flag(const std::string& names, bool& target, std::string description) {
  Option option{.names = split(names), .description = std::move(description)};
  option.take = [&target](const std::string&) -> Result<void> {
    target = true;
    return ok();
  };
  return option;
}

Option option(const std::string& name, std::string value_name, std::string& target, std::string description) {
  auto option = valued(name, std::move(value_name), std::move(description));
  option.take = unless_empty(option.names.back(), [&target](const std::string& text) -> Result<void> {
    target = text;
    return ok();
  });
  return option;
}

Option option(const std::string& name, std::string value_name, std::optional<std::string>& target,
              std::string description) {
  auto option = valued(name, std::move(value_name), std::move(description));
  option.take = unless_empty(option.names.back(), [&target](const std::string& text) -> Result<void> {
    target = text;
    return ok();
  });
  return option;
}

Option option(const std::string& name, std::string value_name, std::vector<std::string>& target,
              std::string description) {
  auto option = valued(name, std::move(value_name), std::move(description));
  option.repeats = true;
  option.take = unless_empty(option.names.back(), [&target](const std::string& text) -> Result<void> {
    target.push_back(text);
    return ok();
  });
  return option;
}

Option number(const std::string& name, std::optional<unsigned>& target, Range range, std::string description) {
  auto option = valued(name, "N", std::move(description));
  option.take =
      unless_empty(option.names.back(),
                   number_into(option.names.back(), target, {range.least, std::min<uint64_t>(range.most, UINT32_MAX)}));
  return option;
}

Option rate(const std::string& name, std::optional<uint64_t>& bytes_per_second, std::string description) {
  auto option = valued(name, "RATE", std::move(description));
  option.take = [name, &bytes_per_second](const std::string& text) -> Result<void> {
    std::string_view size = text;
    if (size.ends_with("/s")) size.remove_suffix(2);
    if (size == "0") {
      bytes_per_second = 0;
      return ok();
    }
    auto parsed = config::parse_size(size);
    if (!parsed || *parsed < 0) {
      return Error(ErrorKind::invalid, fmt::format("{}: '{}' is no rate such as '20 MiB/s'", name, text));
    }
    bytes_per_second = static_cast<uint64_t>(*parsed);
    return ok();
  };
  return option;
}

Option argument(const std::string& name, std::string& target, std::string description) {
  return option(name, "", target, std::move(description));
}
Option argument(const std::string& name, std::optional<std::string>& target, std::string description) {
  return option(name, "", target, std::move(description));
}
Option argument(const std::string& name, std::vector<std::string>& target, std::string description) {
  return option(name, "", target, std::move(description));
}
Option number_argument(const std::string& name, std::optional<unsigned>& target, Range range, std::string description) {
  return number(name, target, range, std::move(description));
}

}  // namespace spendsync::cli
