// What the table of keys says, for editors and for people.
#pragma once

#include <string>

namespace spendsync::config {

/// JSON Schema (draft-07) of backup-config.yml, indented, ending in a newline: docs/backup-config.schema.json.
/// It knows every key, type, unit and choice; what depends on several keys at once is checked by the program only.
std::string config_schema_json();

/// The reference tables of docs/operations/configuration.md, in Markdown.
std::string config_reference_markdown();

}  // namespace spendsync::config
