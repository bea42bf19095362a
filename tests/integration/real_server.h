// A throwaway PostgreSQL server for tests: its own directory under TMPDIR, a Unix socket only, stopped whatever
// happens.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/subprocess.h"

namespace spendsync::testing {

struct RealServerSettings {
  /// Where `postgres` and `initdb` are. Empty: $SPENDSYNC_TEST_POSTGRES, else Debian's PostgreSQL 15. The clients
  /// (psql, pgbench, pg_verifybackup ...) are always Debian's.
  std::string bin_directory;
  bool data_checksums = true;
  int wal_segment_size_mib = 16;
  /// Lines of postgresql.conf, over fsync=off, no TCP, small buffers.
  std::map<std::string, std::string> configuration;
};

/// Run by root it drops to `postgres`; run by anybody else it stays that user. The superuser is `postgres`, logins are
/// trusted (the directory with the socket has mode 0700). What fails ends the test program with the reason. A guardian
/// process stops every server under directory() and removes it when the test program ends in any way, by SIGKILL too.
class RealServer {
 public:
  /// initdb. The server does not run yet.
  explicit RealServer(RealServerSettings settings = {});
  ~RealServer();
  RealServer(const RealServer&) = delete;
  RealServer& operator=(const RealServer&) = delete;

  /// Waits until it accepts connections.
  void start();
  /// Waits until it has ended. mode: smart, fast, immediate (which is a crash to the data).
  void stop(const std::string& mode = "fast");
  bool runs() const { return runs_; }

  /// Runs statements with psql in one transaction; the output unaligned, tuples only, without the last newline.
  std::string psql(const std::string& sql, const std::string& database = "postgres") const;
  /// Runs pgbench to its end: pgbench({"-i", "-s", "5"}).
  void pgbench(const std::vector<std::string>& arguments) const;
  /// Any program of the clients' directory, or an absolute path, as the server's user.
  Command command(std::vector<std::string> arguments) const;
  /// The same, run to its end; its output. Ends the test program unless it exits with 0.
  std::string run(std::vector<std::string> arguments) const;

  /// libpq keywords for this server.
  std::string connection_string(const std::string& database = "postgres") const;
  const std::string& directory() const { return directory_.path(); }
  const std::string& data_directory() const { return data_directory_; }
  const std::string& bin_directory() const { return settings_.bin_directory; }
  /// Asks the running server.
  int major_version() const { return std::stoi(psql("show server_version_num")) / 10'000; }
  /// Whether Debian's programs that read a server's files (pg_verifybackup, pg_checksums, pg_waldump, pg_basebackup)
  /// are of this server's major version. Those of another version refuse or misread them.
  bool clients_match() const;
  /// What the server has logged so far.
  std::string log() const;
  /// Makes directory()/name, owned by the server's user; its path.
  std::string make_directory(const std::string& name) const;
  int port() const { return 5432; }  // names the socket only

 private:
  RealServerSettings settings_;
  TemporaryDirectory directory_;
  Fd guardian_;  // closing it wakes the guardian
  std::string data_directory_;
  bool runs_ = false;
};

/// Debian's PostgreSQL 15 programs.
std::string client_directory();

/// For tests of code that must not be root (a server is its child): run by root, runs this very test again in a process
/// of the server's user, expects it to pass, and returns true: the test returns at once. Else false.
bool ran_as_server_user();

}  // namespace spendsync::testing
