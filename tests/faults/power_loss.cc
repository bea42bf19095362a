#include "faults/power_loss.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::testing {
namespace {

constexpr std::chrono::seconds kTimeout{180};
constexpr const char* kCalls =
    "openat,openat2,write,pwrite64,pwritev,ftruncate,fallocate,fsync,fdatasync,syncfs,linkat,symlinkat,mkdir,mkdirat,"
    "rename,renameat,renameat2,unlink,unlinkat";

/// The lines of strace -f with calls that another thread interrupted put together, in the order in which they ended.
std::vector<std::string> whole_calls(const std::string& log) {
  constexpr std::string_view kUnfinished = " <unfinished ...>";
  std::map<std::string, std::string> begun;
  std::vector<std::string> calls;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const auto space = line.find(' ');
    if (space == std::string::npos) continue;
    const auto pid = line.substr(0, space);
    auto text = line.substr(line.find_first_not_of(' ', space));
    if (text.ends_with(kUnfinished)) {
      begun[pid] = text.substr(0, text.size() - kUnfinished.size());
      continue;
    }
    if (text.starts_with("<... ")) text = begun[pid] + text.substr(text.find('>') + 1);
    calls.push_back(std::move(text));
  }
  return calls;
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

}  // namespace

/// Calls into events. Paths are absolute; below the root they become relative, others are of no interest.
struct DurabilityTrace::Parser {
  std::string root;
  std::map<std::string, std::string> names_of_descriptors;  // of unnamed files: "9" -> "/root/#123"
  std::vector<Event> events;

  bool is_below(const std::string& path) const { return path == root || path.starts_with(root + "/"); }
  std::string relative(const std::string& path) const { return path == root ? "" : path.substr(root.size() + 1); }

  /// "<path>" that strace -y puts behind a descriptor.
  static std::string descriptor_path(const std::string& text) {
    const auto begin = text.find('<');
    const auto end = text.rfind('>');
    return begin == std::string::npos || end == std::string::npos ? "" : text.substr(begin + 1, end - begin - 1);
  }
  static std::string join(const std::string& directory, const std::string& name) {
    if (name.starts_with('/')) return name;
    return name == "." ? directory : directory + "/" + name;
  }
  void add(Event::Kind kind, const std::string& file, const std::string& path = "", const std::string& from = "") {
    if (!is_below(file) && !is_below(path)) return;
    Event event{kind, file, is_below(path) ? relative(path) : "", is_below(from) ? relative(from) : ""};
    if (kind != Event::Kind::name && is_below(file) && file.find("/#") == std::string::npos) {
      event.file = relative(file);
    }
    events.push_back(std::move(event));
  }

  void read(const std::string& call) {
    static const std::regex kDescriptor(R"re(^(\w+)\((\d+<[^>]*>)(?:\(deleted\))?(?:[,)].*)? += \d+.*)re");
    static const std::regex kOpened(
        R"re(^openat2?\((?:AT_FDCWD)?\d*<([^>]*)>, "([^"]*)", (.*)\) += (\d+)<([^>]*)>.*)re");
    static const std::regex kMade(R"re(^(mkdirat|unlinkat)\((?:AT_FDCWD)?\d*<([^>]*)>, "([^"]*)".*\) += 0.*)re");
    static const std::regex kMadePlain(R"re(^(mkdir|unlink)\("([^"]*)".*\) += 0.*)re");
    static const std::regex kLinked(
        R"re(^linkat\(AT_FDCWD(?:<[^>]*>)?, "/proc/self/fd/(\d+)", \d+<([^>]*)>, "([^"]*)", .*\) += 0.*)re");
    static const std::regex kSymbolic(R"re(^symlinkat\("[^"]*", (?:AT_FDCWD)?\d*<([^>]*)>, "([^"]*)"\) += 0.*)re");
    static const std::regex kRenamed(
        R"re(^renameat2?\((?:AT_FDCWD)?\d*<([^>]*)>, "([^"]*)", (?:AT_FDCWD)?\d*<([^>]*)>, "([^"]*)".*\) += 0.*)re");
    static const std::regex kRenamedPlain(R"x(^rename\("([^"]*)", "([^"]*)"\) += 0.*)x");
    std::smatch found;
    if (std::regex_match(call, found, kOpened)) {
      names_of_descriptors[found[4].str()] = found[5].str();
      const bool makes = found[3].str().find("O_CREAT") != std::string::npos;
      if (makes) add(Event::Kind::name, relative_or_same(found[5]), found[5]);
    } else if (std::regex_match(call, found, kLinked)) {
      add(Event::Kind::name, names_of_descriptors[found[1].str()], join(found[2], found[3]));
    } else if (std::regex_match(call, found, kSymbolic)) {
      add(Event::Kind::name, "", join(found[1], found[2]));
    } else if (std::regex_match(call, found, kMade)) {
      add(found[1] == "mkdirat" ? Event::Kind::name : Event::Kind::remove, "", join(found[2], found[3]));
    } else if (std::regex_match(call, found, kMadePlain)) {
      add(found[1] == "mkdir" ? Event::Kind::name : Event::Kind::remove, "", found[2]);
    } else if (std::regex_match(call, found, kRenamed)) {
      add(Event::Kind::rename, "", join(found[3], found[4]), join(found[1], found[2]));
    } else if (std::regex_match(call, found, kRenamedPlain)) {
      add(Event::Kind::rename, "", found[2], found[1]);
    } else if (std::regex_match(call, found, kDescriptor)) {
      const std::string name = found[1];
      const auto path = descriptor_path(found[2]);
      const bool syncs = name == "fsync" || name == "fdatasync";
      add(syncs ? Event::Kind::sync : (name == "syncfs" ? Event::Kind::sync_all : Event::Kind::write), path);
    }
  }
  /// A file that is made under its name is known by it, as its later writes are.
  std::string relative_or_same(const std::string& path) const { return is_below(path) ? relative(path) : path; }
};

DurabilityTrace DurabilityTrace::record(const Installation& installation, const SyscallRunner::Invocation& invocation,
                                        const std::string& root) {
  const auto log = installation.directory() + "/durability.log";
  auto command = installation.command(invocation.arguments);
  auto& words = command.arguments;
  const std::vector<std::string> strace{"/usr/bin/strace",
                                        "-f",
                                        "-qq",
                                        "-y",
                                        "-s",
                                        "0",
                                        "--seccomp-bpf",
                                        "-o",
                                        log,
                                        "-e",
                                        std::string("trace=") + kCalls};
  // As root where the tests are: the program is not dumpable, and its user could read none of its paths.
  words.insert(words.begin(), strace.begin(), strace.end());
  if (!invocation.working_directory.empty()) command.working_directory = invocation.working_directory;
  const auto output = MUST(run_command(command, {}, kTimeout));
  EXPECT_EQ(output.exit_status, 0) << output.out << output.err;

  Parser parser;
  parser.root = root;
  for (const auto& call : whole_calls(MUST(read_text_file(log, 512u << 20)))) parser.read(call);
  DurabilityTrace trace;
  trace.all_ = std::move(parser.events);
  for (size_t i = 0; i < trace.all_.size(); ++i) {
    if (trace.all_[i].kind != Event::Kind::write) trace.events_.push_back(i);
  }
  return trace;
}

DurabilityTrace::State DurabilityTrace::after(size_t steps) const {
  std::map<std::string, std::string> file_of;  // name -> file
  std::set<std::string> synced_names;
  std::set<std::string> dirty;  // files
  const size_t end = steps == 0 ? 0 : events_.at(steps - 1) + 1;
  for (size_t i = 0; i < end; ++i) {
    const auto& event = all_[i];
    switch (event.kind) {
      case Event::Kind::write:
        dirty.insert(event.file);
        break;
      case Event::Kind::name:
        file_of[event.path] = event.file;
        break;
      case Event::Kind::rename: {
        const auto found = file_of.find(event.from);
        const auto file = found == file_of.end() ? event.from : found->second;
        file_of.erase(event.from);
        synced_names.erase(event.from);
        file_of[event.path] = file;
        synced_names.erase(event.path);
        break;
      }
      case Event::Kind::remove:
        file_of.erase(event.path);
        synced_names.erase(event.path);
        break;
      case Event::Kind::sync:
        dirty.erase(event.file);
        for (const auto& [name, file] : file_of) {
          if (parent_of(name) == event.file) synced_names.insert(name);
        }
        break;
      case Event::Kind::sync_all:
        dirty.clear();
        for (const auto& [name, file] : file_of) synced_names.insert(name);
        break;
    }
  }
  State state;
  for (const auto& [name, file] : file_of) {
    state.visible.insert(name);
    if (dirty.contains(file)) state.unsure.insert(name);
    bool lasts = true;
    for (auto at = name; !at.empty(); at = parent_of(at))
      lasts = lasts && (!file_of.contains(at) || synced_names.contains(at));
    if (lasts) state.lasting.insert(name);
  }
  return state;
}

size_t DurabilityTrace::made_at(const std::string& name) const {
  for (size_t step = 0; step < events_.size(); ++step) {
    const auto& event = all_[events_[step]];
    if ((event.kind == Event::Kind::name || event.kind == Event::Kind::rename) && event.path == name) return step;
  }
  return events_.size();
}

}  // namespace spendsync::testing
