// Who this process is and what it may do: as root it becomes the owner of the data directory and keeps one right or
// two.
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace spendsync {

struct UserIdentity {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
  std::vector<gid_t> groups;  // all of them, gid included
};

/// From the system's user database. Errors: not_found, with the name or number.
Result<UserIdentity> find_user(std::string_view name);
Result<UserIdentity> find_user(uid_t uid);

/// Effective user 0. In a user namespace too: what it may do there is up to the kernel.
bool running_as_root();

struct HardeningSettings {
  /// PR_SET_NO_NEW_PRIVS: children cannot gain rights by set-uid programs. Off only where a configured command needs
  /// sudo.
  bool no_new_privileges = true;
};
/// umask 077, no core dumps, not traceable or dumpable, no new privileges. Children inherit the umask and the limit.
/// Errors: as Error::from_errno.
Result<void> harden_process(HardeningSettings settings);

enum class KeptRights {
  none,
  /// CAP_DAC_READ_SEARCH: to capture files that the user may not read.
  read_files,
  /// read_files and CAP_CHOWN, CAP_FOWNER, CAP_FSETID, CAP_DAC_OVERRIDE: to put captured files back with their owners
  /// and set-id bits.
  restore_files,
};

/// Becomes `user` for good: groups, user and group ids (real, effective and saved), HOME, USER and LOGNAME; every
/// capability goes except those of `kept`, which stay permitted but take effect only inside PrivilegedReads and
/// PrivilegedRestores. Call from main before any other thread exists: threads inherit, they do not follow.
/// Requires root. Errors: denied when the process is not root or lacks a kept capability; after an error the process
/// may be half changed, so end it.
Result<void> become_user(const UserIdentity& user, KeptRights kept);

/// While one lives, its capabilities are effective in the thread that made it, where they are permitted; where they are
/// not, or were effective before (plain root), nothing changes. Nests. Not to be handed to another thread.
class RaisedRights {
 public:
  RaisedRights(const RaisedRights&) = delete;
  RaisedRights& operator=(const RaisedRights&) = delete;
  ~RaisedRights();
  /// Whether all of them are effective now.
  bool effective() const { return effective_; }

 protected:
  explicit RaisedRights(std::initializer_list<int> capabilities);

 private:
  std::vector<int> raised_;
  bool effective_ = true;
};

class PrivilegedReads : public RaisedRights {
 public:
  PrivilegedReads();
};

class PrivilegedRestores : public RaisedRights {
 public:
  PrivilegedRestores();
};

}  // namespace spendsync
