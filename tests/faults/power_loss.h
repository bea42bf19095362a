// What a power loss would leave of a command's work: its system calls tell what was made durable by when.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "faults/syscall_runner.h"

namespace spendsync::testing {

/// The model: a name lasts once its directory was synced after it was made (and so its parents' names), content once
/// the file was synced after it was written; syncfs makes all last. Before that a name or content may be there or not.
class DurabilityTrace {
 public:
  /// Runs the command, which must succeed, and follows what it does below `root`. `log_file` must be writable by the
  /// server's user.
  static DurabilityTrace record(const Installation& installation, const SyscallRunner::Invocation& invocation,
                                const std::string& root);

  /// Calls after which a cut is worth a look: those that name, rename, remove or sync something below the root.
  size_t steps() const { return events_.size(); }

  struct State {
    std::set<std::string> lasting;  // names, relative to the root, that are certainly there
    std::set<std::string> visible;  // names that were made by then, lasting ones too
    std::set<std::string> unsure;   // visible names whose content may be lost
  };
  /// After the first `steps` of them.
  State after(size_t steps) const;
  /// The step in which this name was made (or renamed to); steps() when it never was.
  size_t made_at(const std::string& name) const;

 private:
  struct Event {
    enum class Kind { write, name, rename, remove, sync, sync_all } kind = Kind::write;
    std::string file;  // name: which file; write, sync: the file or directory
    std::string path;  // name, rename, remove: relative to the root
    std::string from;  // rename
  };
  struct Parser;
  std::vector<Event> all_;      // in order
  std::vector<size_t> events_;  // indices of the steps in all_
};

}  // namespace spendsync::testing
