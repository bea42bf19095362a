#include "base/process_identity.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <type_traits>

namespace spendsync {

namespace {

Error failed(std::string what) {
  int error_number = errno;
  return Error::from_errno(error_number, "cannot " + std::move(what));
}

// ---- users

std::vector<gid_t> groups_of(const passwd& entry) {
  int count = 32;
  std::vector<gid_t> groups(static_cast<size_t>(count));
  while (getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0) {
    groups.resize(static_cast<size_t>(count));
  }
  groups.resize(static_cast<size_t>(count));
  return groups;
}

template <class Lookup>
Result<UserIdentity> look_up(Lookup lookup, const std::string& wanted) {
  std::vector<char> buffer(1024);
  passwd entry{};
  passwd* found = nullptr;
  int error_number = 0;
  while ((error_number = lookup(&entry, buffer.data(), buffer.size(), &found)) == ERANGE) {
    buffer.resize(buffer.size() * 2);
  }
  if (error_number != 0 && error_number != ENOENT) return Error::from_errno(error_number, "cannot look up " + wanted);
  if (found == nullptr) return Error(ErrorKind::not_found, "there is no " + wanted);
  return UserIdentity{entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, groups_of(entry)};
}

// ---- capabilities

using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, decltype([](cap_t state) { cap_free(state); })>;

std::vector<cap_value_t> capabilities_of(KeptRights kept) {
  switch (kept) {
    case KeptRights::none:
      return {};
    case KeptRights::read_files:
      return {CAP_DAC_READ_SEARCH};
    case KeptRights::restore_files:
      return {CAP_DAC_READ_SEARCH, CAP_CHOWN, CAP_FOWNER, CAP_FSETID, CAP_DAC_OVERRIDE};
  }
  return {};
}

/// Permitted: exactly `kept`. Effective and inheritable: nothing.
Result<void> keep_only(const std::vector<cap_value_t>& kept) {
  Capabilities state(cap_init());
  if (!state) return failed("make a capability set");
  if (!kept.empty() &&
      cap_set_flag(state.get(), CAP_PERMITTED, static_cast<int>(kept.size()), kept.data(), CAP_SET) != 0) {
    return failed("make a capability set");
  }
  if (cap_set_proc(state.get()) != 0)
    return failed("keep the right to read files")
        .with_hint(
            "start as root with CAP_DAC_READ_SEARCH (for an in-place restore also CAP_CHOWN, CAP_FOWNER, CAP_FSETID, "
            "CAP_DAC_OVERRIDE), "
            "or as the owner of the data directory");
  return {};
}

bool has_flag(cap_t state, cap_value_t capability, cap_flag_t flag) {
  cap_flag_value_t value = CAP_CLEAR;
  return cap_get_flag(state, capability, flag, &value) == 0 && value == CAP_SET;
}

bool set_effective(const std::vector<cap_value_t>& capabilities, cap_flag_value_t value) {
  if (capabilities.empty()) return true;
  Capabilities state(cap_get_proc());
  return state &&
         cap_set_flag(state.get(), CAP_EFFECTIVE, static_cast<int>(capabilities.size()), capabilities.data(), value) ==
             0 &&
         cap_set_proc(state.get()) == 0;
}

Result<void> change_ids(const UserIdentity& user) {
  if (setgroups(user.groups.size(), user.groups.data()) != 0) return failed("take the groups of " + user.name);
  if (setresgid(user.gid, user.gid, user.gid) != 0) return failed("take the group of " + user.name);
  if (setresuid(user.uid, user.uid, user.uid) != 0) return failed("become user " + user.name);
  return {};
}

void change_environment(const UserIdentity& user) {
  // libpq finds .pgpass by HOME; root's would be out of reach.
  setenv("HOME", user.home.c_str(), 1);
  setenv("USER", user.name.c_str(), 1);
  setenv("LOGNAME", user.name.c_str(), 1);
}

}  // namespace

Result<UserIdentity> find_user(std::string_view name) {
  std::string text(name);
  return look_up([&](passwd* entry, char* buffer, size_t size,
                     passwd** found) { return getpwnam_r(text.c_str(), entry, buffer, size, found); },
                 fmt::format("user \"{}\"", name));
}

Result<UserIdentity> find_user(uid_t uid) {
  return look_up([&](passwd* entry, char* buffer, size_t size,
                     passwd** found) { return getpwuid_r(uid, entry, buffer, size, found); },
                 fmt::format("user number {}", uid));
}

bool running_as_root() { return geteuid() == 0; }

Result<void> harden_process(HardeningSettings settings) {
  umask(077);
  rlimit no_core{0, 0};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0) return failed("forbid core dumps");
#ifndef __SANITIZE_ADDRESS__  // the leak checker has to attach to the process at its end
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("make the process undumpable");
#endif
  if (settings.no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("forbid new privileges");
  return {};
}

Result<void> become_user(const UserIdentity& user, KeptRights kept) {
  if (!running_as_root()) return Error(ErrorKind::denied, "only root can become user " + user.name);
  bool dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failed("keep capabilities");
  TRY(change_ids(user));
  if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) return failed("stop keeping capabilities");
  // When the target is root itself (containers), nothing was lost by the change and nothing may be taken away.
  if (user.uid != 0) TRY(keep_only(capabilities_of(kept)));
  // Changing ids sets this back to the system's fs.suid_dumpable.
  if (!dumpable && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("make the process undumpable");
  change_environment(user);
  return {};
}

RaisedRights::RaisedRights(std::initializer_list<int> capabilities) {
  Capabilities state(cap_get_proc());
  for (int capability : capabilities) {
    if (state && has_flag(state.get(), capability, CAP_EFFECTIVE)) continue;
    bool permitted = state && has_flag(state.get(), capability, CAP_PERMITTED);
    if (permitted) raised_.push_back(capability);
    effective_ = effective_ && permitted;
  }
  if (!set_effective(raised_, CAP_SET)) {
    raised_.clear();
    effective_ = false;
  }
}

RaisedRights::~RaisedRights() { set_effective(raised_, CAP_CLEAR); }

PrivilegedReads::PrivilegedReads() : RaisedRights({CAP_DAC_READ_SEARCH}) {}

PrivilegedRestores::PrivilegedRestores()
    : RaisedRights({CAP_DAC_READ_SEARCH, CAP_CHOWN, CAP_FOWNER, CAP_FSETID, CAP_DAC_OVERRIDE}) {}

}  // namespace spendsync
