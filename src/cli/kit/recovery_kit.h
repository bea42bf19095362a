// The recovery kit: one page for the day when only paper is left.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace spendsync::cli {

/// A key that opens the repository, without its secret.
struct KitKey {
  std::string name;   // "key-file e5be69e61b779b27"
  std::string place;  // where it is used
  bool offline = false;
  size_t opens = 0;  // of `KitFacts::data_keys`; 0 when it is not known
};

/// A key file that opens everything: what a restore on a bare machine is configured with.
struct KitKeyFile {
  std::string name;                // "key-file e5be69e61b779b27"
  std::string path;                // where it belongs
  std::vector<std::string> lines;  // its secret, of typed_key.h; empty: the kit holds none
};

struct KitFacts {
  std::string cluster;
  std::string system_identifier;
  int major_version = 0;
  std::string repository;     // where it is
  std::string repository_id;  // hexadecimal
  std::string host;
  std::string configuration_file;
  std::string data_directory;  // empty: not known
  std::string restore_directory;
  std::string newest_backup;  // label; empty: none yet
  std::string configuration;  // the smallest that a restore needs
  std::vector<KitKey> keys;
  size_t data_keys = 0;
  std::vector<KitKeyFile> key_files;  // those that open everything: more than one while a key is being changed
  std::vector<std::string> contacts;  // "role: who"
  bool holds_secret() const;
  std::string version;
  Timestamp printed;
};

/// A heading, sentences, facts and what is to be typed, in this order.
struct KitSection {
  std::string title;
  std::vector<std::string> text;
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<std::string> commands;
};

struct KitPage {
  std::string title;
  std::string subtitle;
  bool secret = false;
  std::vector<KitSection> sections;
};

KitPage make_kit(const KitFacts& facts);

/// At most 100 columns, lines ended by '\n'.
std::string kit_text(const KitPage& page);
/// One file without references to others, laid out for one sheet of A4.
std::string kit_html(const KitPage& page);

/// Overwrites what may be a key, for when the page is printed.
void wipe_text(std::string& text);
void wipe_secrets(KitFacts& facts);
void wipe_secrets(KitPage& page);

}  // namespace spendsync::cli
