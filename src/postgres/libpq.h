// libpq, loaded when the first connection is made.
#pragma once

#include "base/result.h"

namespace spendsync::postgres {

/// Loads libpq.so.5. It brings twenty libraries along (LDAP, Kerberos, GnuTLS ...), whose loading would take longer
/// than everything else that `wal push` and `wal get` do besides their data, and PostgreSQL calls these for every
/// segment; neither talks to a server. Must have succeeded before any function of libpq-fe.h is called. Any thread.
/// Errors: unsupported when the library cannot be loaded.
Result<void> load_libpq();

}  // namespace spendsync::postgres
