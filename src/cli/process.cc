#include "cli/process.h"

#include "cli/screen/passphrase.h"

namespace spendsync::cli {

jobs::Sources Process::sources() const {
  return {.configuration = global.config,
          .key = {.file = global.escrow_key,
                  .passphrase_file = global.escrow_passphrase_file,
                  .socket = global.escrow_key_socket,
                  .ask = ask_passphrase}};
}

}  // namespace spendsync::cli
