// The one table of what backup-config.yml may hold. The parser's checks, the JSON Schema and the reference page are
// all made from it, so that they cannot disagree.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace spendsync::config {

enum class Kind {
  section,  // keys and values
  variant,  // a section whose `type` key says which keys it takes
  list,
  text,
  path,  // absolute
  boolean,
  integer,
  percent,   // "25 %" or, where the type says so, a bare number
  duration,  // "48 hours"
  size,      // "500 GiB"
  rate,      // a size a second, or 0
  cron,
  time_zone,
  choice,
  address,  // "127.0.0.1:9091"
  url,
  email,
  connection,  // a libpq connection string
  workers,     // "auto" or a number
};

/// Which characters a text may have. Classes are as in a regular expression: "a-z0-9_-".
struct TextRule {
  std::string_view first;  // of the first character; empty: as the rest
  std::string_view rest;   // empty: anything printable
  size_t shortest = 1;
  size_t longest = 1024;
  std::string_view description;  // for messages: "lower-case letters, digits, - and _"
};

/// What is expected of a file that a path names, where it exists.
enum class FileRule { none, secret, trusted };

struct UrlRule {
  std::vector<std::string_view> schemes;
  bool user = false;                    // may name a user (never a password)
  bool path = false;                    // may have a path and a query
  bool plain_only_on_loopback = false;  // http:// for this host alone
};

struct Section;

struct Type {
  Kind kind = Kind::text;
  int64_t lowest = 0;  // integers; percent; durations in seconds; sizes in bytes
  int64_t highest = std::numeric_limits<int64_t>::max();
  TextRule text;
  FileRule file = FileRule::none;
  UrlRule url;
  std::vector<std::string_view> choices;
  const Section* section = nullptr;      // Kind::section
  std::vector<const Section*> variants;  // Kind::variant; Section::name is the value of `type`
  const Type* element = nullptr;         // Kind::list
  size_t fewest = 0;                     // items of a list
  bool unique = false;                   // no item of a list twice
};

enum class Presence {
  required,
  defaulted,  // default_yaml stands in; a section: as if it were there and empty
  optional,   // absent means none; default_note says what then happens
};

struct Field {
  std::string_view key;
  const Type* type = nullptr;
  Presence presence = Presence::defaulted;
  std::string_view default_yaml;
  std::string_view default_note;  // for the reference page where there is no fixed default
  std::string_view help;          // one line for the reference page and the schema
};

struct Section {
  std::string_view name;
  std::vector<Field> fields;
  std::vector<std::string_view> exactly_one_of;  // keys; empty: no such rule

  const Field* find(std::string_view key) const;
  std::vector<std::string_view> keys() const;
};

/// The whole file.
const Type& root_type();

/// The names of a duration's and a size's units, the form used in output first.
struct Unit {
  std::string_view name;
  int64_t factor;
};
const std::vector<Unit>& duration_units();
const std::vector<Unit>& size_units();

}  // namespace spendsync::config
