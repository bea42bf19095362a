#include "cli/screen/typed_name.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace spendsync::cli {

Result<void> ask_for_name(const Process& process, const std::string& name, const std::string& what) {
  if (process.global.json || isatty(STDIN_FILENO) == 0) {
    return Error(ErrorKind::refused, "there is nobody to ask whether to " + what)
        .with_hint("look at what is printed above, then run it again with --yes");
  }
  std::fputs(("Type the cluster's name (" + name + ") to " + what + ": ").c_str(), stderr);
  std::fflush(stderr);
  std::string typed;
  if (std::getline(std::cin, typed) && typed == name) return {};
  return Error(ErrorKind::refused, "\"" + typed + "\" is not " + name + ": nothing was changed");
}

}  // namespace spendsync::cli
