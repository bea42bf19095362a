// The reference tables of docs/operations/configuration.md.
#include <fmt/format.h>

#include <string>

#include "base/result.h"
#include "config/scalars.h"
#include "config/schema.h"
#include "config/table.h"

namespace spendsync::config {
namespace {

std::string limits_of(const Type& type, std::string (*format)(int64_t)) {
  const bool bounded_above = type.highest != std::numeric_limits<int64_t>::max();
  return bounded_above ? fmt::format(", {} to {}", format(type.lowest), format(type.highest))
                       : fmt::format(", at least {}", format(type.lowest));
}

std::string format_plain(int64_t number) { return std::to_string(number); }

std::string choices_of(const std::vector<std::string_view>& choices) {
  std::string result;
  for (std::string_view choice : choices) result += fmt::format("{}`{}`", result.empty() ? "" : ", ", choice);
  return result;
}

std::string file_kind(FileRule rule) {
  switch (rule) {
    case FileRule::none:
      return "absolute path";
    case FileRule::secret:
      return "absolute path of a secret file (0600 or 0400)";
    case FileRule::trusted:
      return "absolute path of a file that others cannot write";
  }
  return {};
}

std::string describe(const Type& type) {
  switch (type.kind) {
    case Kind::section:
      return "section";
    case Kind::variant: {
      std::vector<std::string_view> names;
      for (const Section* section : type.variants) names.push_back(section->name);
      return "section of type " + choices_of(names);
    }
    case Kind::list:
      return "list: " + describe(*type.element);
    case Kind::text:
      return type.text.description.empty() ? "text" : std::string(type.text.description);
    case Kind::path:
      return file_kind(type.file);
    case Kind::boolean:
      return "`true`, `false`";
    case Kind::integer:
      return type.lowest == type.highest ? fmt::format("`{}`", type.lowest) : "number" + limits_of(type, format_plain);
    case Kind::percent:
      return fmt::format("percentage, {} to {} %", type.lowest, type.highest);
    case Kind::duration:
      return "duration" + limits_of(type, format_exact_duration);
    case Kind::size:
      return "size" + limits_of(type, format_exact_size);
    case Kind::rate:
      return type.lowest == 0 ? "size a second, or 0"
                              : fmt::format("size a second, at least {}", format_exact_size(type.lowest));
    case Kind::cron:
      return "cron expression";
    case Kind::time_zone:
      return "time zone";
    case Kind::choice:
      return choices_of(type.choices);
    case Kind::address:
      return "address and port";
    case Kind::url:
      return fmt::format("URL: {}", choices_of(type.url.schemes));
    case Kind::email:
      return "e-mail address";
    case Kind::connection:
      return "libpq connection string";
    case Kind::workers:
      return "`auto` or a number" + limits_of(type, format_plain);
  }
  CHECK(false);
}

std::string default_of(const Field& field) {
  if (field.presence == Presence::required) return "**required**";
  if (!field.default_yaml.empty()) return fmt::format("`{}`", field.default_yaml);
  if (!field.default_note.empty()) return std::string(field.default_note);
  return field.presence == Presence::optional ? "none" : "its defaults";
}

class Reference {
 public:
  std::string write() {
    write_section(*root_type().section, "");
    return std::move(out_);
  }

 private:
  /// A table of the section's keys, then one for each section below it.
  void write_section(const Section& section, const std::string& path) {
    out_ += "| Key | Value | Default | Meaning |\n| --- | --- | --- | --- |\n";
    for (const Field& field : section.fields) {
      out_ += fmt::format("| `{}` | {} | {} | {} |\n", field.key, describe(*field.type), default_of(field), field.help);
    }
    out_ += "\n";
    if (!section.exactly_one_of.empty())
      out_ += fmt::format("Exactly one of {}.\n\n", choices_of(section.exactly_one_of));
    for (const Field& field : section.fields) {
      write_inner(*field.type, path.empty() ? std::string(field.key) : fmt::format("{}.{}", path, field.key));
    }
  }

  void write_inner(const Type& type, const std::string& path) {
    if (type.kind == Kind::list) return write_inner(*type.element, path + "[]");
    if (type.kind == Kind::section) {
      heading(path);
      write_section(*type.section, path);
    }
    if (type.kind != Kind::variant) return;
    if (path == "storage.secondary") return;  // the same as primary
    for (const Section* section : type.variants) {
      heading(fmt::format("{}, type {}", path == "storage.primary" ? "storage.primary and storage.secondary" : path,
                          section->name));
      write_section(*section, path);
    }
  }

  void heading(const std::string& text) { out_ += fmt::format("### {}\n\n", text); }

  std::string out_;
};

}  // namespace

std::string config_reference_markdown() { return Reference().write(); }

}  // namespace spendsync::config
