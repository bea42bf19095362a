#include "jobs/transaction_logs.h"

#include "jobs/host_name.h"

namespace spendsync::jobs {
namespace {

using backup::TransactionLogBackup;

TransactionLogBackup::Settings settings_of(const Wiring& wiring, const TransactionLogRequest& request) {
  TransactionLogBackup::Settings settings;
  settings.connection = wiring.connection();
  settings.slot = wiring.config().database.slot;
  settings.host = host_name();
  settings.tool_version = SSB_VERSION;
  settings.data_directory = wiring.config().database.data_directory.value_or("");
  settings.workers = wiring.workers(request.workers);
  settings.change_maps = wiring.makes_change_maps();
  return settings;
}

}  // namespace

Result<TransactionLogBackup::Outcome> back_up_transaction_logs(Wiring& wiring, const TransactionLogRequest& request,
                                                               Progress& progress) {
  const auto& context = wiring.context();
  wiring.limit_rates({.upload = wiring.upload_limit(request.throttle)});
  auto connection = TRY(postgres::Connection::open(wiring.connection()));
  const auto server = TRY(postgres::read_server_info(connection));
  auto repository = TRY(wiring.open_or_create_repository(server));
  repository::WalArchive archive(*repository, {.compression = wiring.compression()});
  TransactionLogBackup backup(settings_of(wiring, request),
                              {*repository, archive, context.clock, context.log, progress});
  return backup.run(context.stop);
}

}  // namespace spendsync::jobs
