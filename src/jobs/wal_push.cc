#include "jobs/wal_push.h"

#include <algorithm>

#include "base/worker_group.h"
#include "postgres/control_file.h"
#include "postgres/data_directory.h"
#include "repository/remembered.h"
#include "repository/rollback.h"

namespace spendsync::jobs {
namespace {

/// What the repository records of the server whose data directory is the working directory, as it is archive_command's.
/// Nothing where it is another's, or none: `writer` is what the pushed file says of itself.
std::optional<repository::ClusterIdentity> identity_of_working_directory(const Wiring& wiring,
                                                                         SystemIdentifier writer) {
  const auto directory = postgres::DataDirectory::open(".");
  if (!directory) return std::nullopt;
  const auto read = postgres::read_control_file(".");
  if (!read || read->control.system_identifier != writer) return std::nullopt;
  const auto& control = read->control;
  repository::ClusterIdentity identity;
  identity.cluster = wiring.config().cluster;
  identity.system_identifier = control.system_identifier;
  identity.major_version = directory->major_version();
  identity.catalog_version = control.catalog_version;
  identity.page_size = control.page_size;
  identity.wal_segment_size = control.wal_segment_size;
  identity.relation_segment_size = uint64_t{control.relation_segment_blocks} * control.page_size;
  return identity;
}

/// The first command that writes may be this one. A server that shuts down archives its last segments when it answers
/// nobody any more, so it is asked only where its files do not say what it is.
Result<std::unique_ptr<repository::Repository>> create_repository(Wiring& wiring,
                                                                  std::optional<SystemIdentifier> writer) {
  if (writer) {
    if (auto identity = identity_of_working_directory(wiring, *writer)) {
      return wiring.open_or_create_repository(*identity);
    }
  }
  auto connection = TRY(postgres::Connection::open(wiring.connection()));
  const auto server = TRY(postgres::read_server_info(connection));
  return wiring.open_or_create_repository(server);
}

}  // namespace

Result<wal::PushOutcome> push_wal(Wiring& wiring, const std::string& path) {
  const wal::PushRequest request{.path = path, .file_name = {}, .change_map = wiring.makes_change_maps()};
  const auto system_identifier = TRY(wal::identify_wal_file(request));
  auto repository = wiring.open_repository(system_identifier);
  if (!repository && repository.error().is(ErrorKind::not_found)) {
    repository = create_repository(wiring, system_identifier);
  }
  auto opened = TRY(std::move(repository));
  TRY(repository::expect_no_rollback(*opened));  // the server keeps its WAL: nothing is lost by not taking it
  repository::remember(*opened);                 // a site may have no other command that writes
  repository::WalArchive archive(*opened,
                                 {.compression = wiring.compression(), .threads = std::min(4u, available_cores())});
  return wal::push_wal_file(archive, opened->identity(), request);
}

}  // namespace spendsync::jobs
