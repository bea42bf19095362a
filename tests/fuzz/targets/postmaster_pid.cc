#include "postgres/postmaster_pid.h"

#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

bool reads(ByteView input) {
  const auto pid = postgres::parse_postmaster_pid(as_text(input));
  if (!pid) return false;
  require(pid->pid > 0, "a process id is positive");
  return true;
}

}  // namespace

Target postmaster_pid_target() {
  return {"postmaster_pid",
          reads,
          texts({"4711\n/var/lib/postgresql/15/main\n1795440947\n5432\n/var/run/postgresql\nlocalhost\n  5551234      "
                 "32768\nready   \n",
                 "4711\n/data\n1795440947\n5432\n\n", "-4711\n/data\n"}),
          texts({"", "\n", "x\n", "0\n", "47x\n", "99999999999999999999\n"}),
          {"\n", "-", "standby ", "starting"}};
}

}  // namespace spendsync::fuzz
