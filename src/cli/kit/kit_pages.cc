// The recovery kit as text and as HTML.
#include <fmt/format.h>

#include <algorithm>

#include "base/secret.h"
#include "cli/kit/recovery_kit.h"

namespace spendsync::cli {
namespace {

constexpr size_t kColumns = 92;
constexpr size_t kFactColumn = 18;

/// Breaks at spaces; a word longer than a line stays whole.
void add_wrapped(std::string& out, std::string_view text, size_t indent) {
  std::string line(indent, ' ');
  size_t used = indent;
  while (!text.empty()) {
    const auto space = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    if (used > indent && used + 1 + word.size() > kColumns) {
      out += line + "\n";
      line.assign(indent, ' ');
      used = indent;
    }
    if (used > indent) line += ' ';
    line += word;
    used = line.size();
  }
  out += line + "\n";
}

// A page may hold a key: it is built in one place, without copies of its parts that nobody wipes.
constexpr size_t kPageMax = 64u << 10;

void add_escaped(std::string& out, std::string_view text) {
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  add_escaped(out, text);
  return out;
}

constexpr std::string_view kStyle =
    "@page{size:A4;margin:12mm}"
    "body{font:9.5pt/1.3 sans-serif;max-width:186mm;margin:0 auto;color:#000;background:#fff}"
    "h1{font-size:15pt;margin:0}h2{font-size:10.5pt;margin:2.6mm 0 .8mm;border-bottom:.3mm solid #000}"
    "p{margin:.6mm 0}.sub{color:#444}.secret{border:.6mm solid #000;padding:1mm;font-weight:bold}"
    "table{border-collapse:collapse}td{vertical-align:top;padding:0 3mm .3mm 0}"
    "pre{font:8.5pt/1.3 monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:.6mm 0;padding:1.2mm;"
    "background:#f2f2f2}";

}  // namespace

std::string kit_text(const KitPage& page) {
  std::string out;
  out.reserve(kPageMax);
  out += page.title + "\n" + page.subtitle + "\n";
  for (const auto& section : page.sections) {
    out += "\n" + section.title + "\n" + std::string(section.title.size(), '-') + "\n";
    for (const auto& sentence : section.text) add_wrapped(out, sentence, 0);
    for (const auto& [name, value] : section.facts) {
      out += "  " + name + "\n";
      if (name.size() < kFactColumn) {
        out.pop_back();
        out += std::string(kFactColumn - name.size(), ' ') + value + "\n";
      } else {
        add_wrapped(out, value, 2 + kFactColumn);
      }
    }
    for (const auto& command : section.commands) ((out += "  ") += command) += '\n';
  }
  return out;
}

std::string kit_html(const KitPage& page) {
  std::string out;
  out.reserve(kPageMax);
  out += "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + escaped(page.title) +
         "</title>\n<style>" + std::string(kStyle) + "</style></head><body>\n";
  out += "<h1>" + escaped(page.title) + "</h1>\n<p class=\"sub\">" + escaped(page.subtitle) + "</p>\n";
  for (const auto& section : page.sections) {
    out += "<h2>" + escaped(section.title) + "</h2>\n";
    for (const auto& sentence : section.text) {
      const bool warns = page.secret && sentence.starts_with("IT HOLDS THE KEY");
      out += (warns ? "<p class=\"secret\">" : "<p>") + escaped(sentence) + "</p>\n";
    }
    if (!section.facts.empty()) {
      out += "<table>\n";
      for (const auto& [name, value] : section.facts) {
        out += "<tr><td>" + escaped(name) + "</td><td>" + escaped(value) + "</td></tr>\n";
      }
      out += "</table>\n";
    }
    if (section.commands.empty()) continue;
    out += "<pre>";
    for (const auto& command : section.commands) {
      add_escaped(out, command);
      out += '\n';
    }
    out += "</pre>\n";
  }
  out += "</body></html>\n";
  return out;
}

void wipe_text(std::string& text) {
  wipe(MutableBytes(reinterpret_cast<std::byte*>(text.data()), text.size()));
  text.clear();
}

void wipe_secrets(KitFacts& facts) {
  for (auto& key : facts.key_files) std::ranges::for_each(key.lines, wipe_text);
}

void wipe_secrets(KitPage& page) {
  for (auto& section : page.sections) std::ranges::for_each(section.commands, wipe_text);
}

}  // namespace spendsync::cli
