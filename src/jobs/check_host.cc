#include "jobs/check_host.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "backup/captured_copy.h"
#include "base/exit_code.h"
#include "base/file.h"
#include "base/time.h"
#include "crypto/wrapped_key.h"
#include "postgres/control_file.h"
#include "postgres/data_directory.h"

namespace spendsync::jobs {
namespace {

using Verdict = health::CheckVerdict;

constexpr size_t kTrialBytes = 64u << 10;
const char* const kRunWhereTheServerRuns =
    "run the backup on the server's host, as the owner of the data directory or root";

/// The wrap of `record` that `wrapper` made. Errors: not_found when it made none; those of store and wrapper.
Result<void> open_by(crypto::KeyWrapper& wrapper, repository::Repository& repository,
                     const repository::KeyRecord& record) {
  for (const auto& wrap : record.wraps) {
    const auto key = repository.layout().key_wrap(record.id, wrap);
    const auto bytes = TRY_CONTEXT(repository.store().get(key, crypto::kWrappedKeyMax), key.text());
    const auto wrapped = TRY_CONTEXT(crypto::decode(bytes), key.text());
    if (wrapped.wrapper_type != wrapper.type() || wrapped.wrapper_id != wrapper.id()) continue;
    TRY_CONTEXT(wrapper.unwrap(wrapped), key.text());
    return {};
  }
  return Error(ErrorKind::not_found, "it was not sealed for that key");
}

}  // namespace

health::CheckItem check_data_directory(const postgres::ServerInfo& server) {
  const std::string name = "data_directory";
  auto directory = postgres::DataDirectory::open(server.data_directory);
  if (!directory) {
    auto item = health::problem_of(name, directory.error());
    item.exit_code = kRefused;
    if (item.fix.empty()) item.fix = kRunWhereTheServerRuns;
    return item;
  }
  auto control = postgres::read_control_file(server.data_directory);
  if (!control) return health::problem_of(name, control.error());
  if (control->control.system_identifier != server.system_identifier) {
    return {.name = name,
            .verdict = Verdict::problem,
            .what = fmt::format("{} belongs to the cluster {}, but the server is {}", server.data_directory,
                                control->control.system_identifier.to_string(), server.system_identifier.to_string()),
            .fix = kRunWhereTheServerRuns,
            .exit_code = kRefused};
  }
  return {.name = name,
          .what = fmt::format("{} is readable, system identifier {}", server.data_directory,
                              server.system_identifier.to_string())};
}

health::CheckItem check_captured_files(const backup::CapturedFiles::Settings& settings, std::stop_token stop) {
  const std::string name = "files.captured";
  if (settings.sets.empty()) {
    return {.name = name, .what = "no files beside the database are configured (key `files`)"};
  }
  auto files = backup::CapturedFiles::open(settings);
  if (!files) return health::problem_of(name, files.error());
  auto check = backup::check_captured(*files, stop);
  if (!check) return health::problem_of(name, check.error());
  auto readable = backup::expect_readable(*check);
  if (!readable) return health::problem_of(name, readable.error());
  return {.name = name,
          .what = fmt::format("{} files, {}, in {} set(s) can be read", check->files, format_bytes(check->bytes),
                              settings.sets.size())};
}

health::CheckItem check_writable(storage::ObjectStore& store, RandomSource& random) {
  const std::string name = "repository.writable";
  auto key = storage::ObjectKey::parse(fmt::format("check-{:016x}", random.next_u64()));
  if (!key) return health::problem_of(name, key.error());
  // Never finished, so it never exists.
  auto upload = store.begin_upload(*key, kTrialBytes);
  auto written = upload ? (*upload)->append(Bytes(kTrialBytes)) : Result<void>(upload.error());
  if (!written) {
    auto item = health::problem_of(name, written.error());
    if (item.fix.empty()) item.fix = "ls -ld " + store.description() + "; it must belong to the user that backs up";
    return item;
  }
  return {.name = name, .what = store.description() + " takes new objects"};
}

health::CheckItem check_newest_keys(repository::Repository& repository,
                                    const std::vector<repository::KeyRecord>& keys) {
  health::CheckItem item{.name = "keys.newest"};
  size_t openers = 0;
  for (auto* wrapper : repository.wrappers()) {
    if (!wrapper->can_open()) continue;
    ++openers;
    for (const auto& record : keys) {
      auto opened = open_by(*wrapper, repository, record);
      if (opened) continue;
      const std::string which = fmt::format("{} {} does not open the {} key {}", wrapper->type(), wrapper->id(),
                                            to_string(record.key_class), record.id.to_string());
      if (opened.error().is(ErrorKind::not_found)) {
        item.verdict = Verdict::warning;
        item.what = which + " of the newest backup: " + opened.error().message();
        item.fix = "spendsync-backup keys rewrap   # lets every configured key open everything; touches no data";
        continue;
      }
      auto problem = health::problem_of(item.name, opened.error());
      problem.what = which + ": " + opened.error().message();
      if (problem.fix.empty()) problem.fix = "spendsync-backup keys list";
      return problem;
    }
  }
  if (item.verdict == Verdict::ok) {
    item.what = fmt::format("{} configured key(s) open the {} newest data keys", openers, keys.size());
  }
  return item;
}

std::optional<uint64_t> writable_free_bytes(const std::string& path, bool as_root) {
  std::string at = path;
  while (at.size() > 1 && !exists(at)) at = at.substr(0, std::max<size_t>(1, at.rfind('/')));
  const bool made_by_root = as_root && at != path;
  if (!made_by_root && ::access(at.c_str(), W_OK | X_OK) != 0) return std::nullopt;
  auto free = free_bytes(at);
  if (!free) return std::nullopt;
  return *free;
}

}  // namespace spendsync::jobs
