#include "restore/request.h"

#include <fmt/format.h>

#include <algorithm>

namespace spendsync::restore {

namespace {

using Base = RestoreRequest::Base;
using Target = RestoreRequest::Target;

constexpr size_t kRestorePointNameMax = 63;  // MAXFNAMELEN - 1 (access/xlog_internal.h)

Result<Base> parse_base(const RequestWords& words) {
  if (words.type.empty()) return Base::any;
  if (words.type == "full") return Base::full;
  if (words.type == "incremental") return Base::incremental;
  if (words.type == "transaction_logs") return Base::transaction_logs;
  if (words.type == "point_in_time") return Base::point_in_time;
  return Error(ErrorKind::invalid, fmt::format("\"{}\" is no type of restore", words.type))
      .with_hint("types are full, incremental, transaction_logs and point_in_time");
}

Result<void> read_date(const RequestWords& words, const TimeZone& zone, RestoreRequest& request) {
  if (words.date.empty()) {
    if (request.base == Base::any) return {};
    return Error(ErrorKind::invalid, fmt::format("restore {}: the date is missing", words.type))
        .with_hint("a date is YYYYMMDD or a whole label as `list` prints it");
  }
  if (request.base == Base::any) return Error(ErrorKind::invalid, "a date needs a type before it");
  if (words.date.find('T') == std::string::npos) {
    auto day = zone.parse_day(words.date);
    if (!day) return std::move(day).error().with_hint("a date is YYYYMMDD or a whole label as `list` prints it");
    request.day = *day;
    return {};
  }
  auto label = repository::Label::parse(words.date);
  if (!label) return std::move(label).error().with_hint("a date is YYYYMMDD or a whole label as `list` prints it");
  bool is_log = label->type() == BackupType::transaction_logs;
  bool fits = request.base == Base::point_in_time ? !is_log : to_string(label->type()) == words.type;
  if (!fits) {
    return Error(ErrorKind::invalid, fmt::format("{} is a backup of type {}, not what {} begins with", words.date,
                                                 to_string(label->type()), words.type));
  }
  request.label = *label;
  return {};
}

Result<void> read_time(const RequestWords& words, const TimeZone& zone, RestoreRequest& request) {
  if (words.point_in_time.empty()) return {};
  request.target = Target::time;
  request.time = TRY(zone.parse_local(words.point_in_time));
  if (request.base != Base::point_in_time || !request.day) return {};
  if (request.time >= request.day->begin && request.time < request.day->end) return {};
  return Error(ErrorKind::invalid, fmt::format("{} is not on the day {} of the zone {}",
                                               zone.format_local(request.time), words.date, zone.name()))
      .with_hint(fmt::format("the date is the day of the time: {}", zone.day_of(request.time)));
}

Result<void> set_target(RestoreRequest& request, Target target) {
  if (request.target != Target::natural) {
    return Error(ErrorKind::invalid, "more than one recovery target was given")
        .with_hint("give a time, --latest, --target-lsn, --target-xid, --target-name or --immediate");
  }
  request.target = target;
  return {};
}

Result<void> read_transaction(const std::string& text, RestoreRequest& request) {
  bool digits =
      !text.empty() && text.size() <= 20 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || text == "0") return Error(ErrorKind::invalid, fmt::format("\"{}\" is no transaction id", text));
  request.transaction = text;
  return set_target(request, Target::transaction);
}

Result<void> read_name(const std::string& text, RestoreRequest& request) {
  if (text.empty() || text.size() > kRestorePointNameMax) {
    return Error(ErrorKind::invalid, fmt::format("\"{}\" is no name of a restore point", text))
        .with_hint(fmt::format("names that pg_create_restore_point takes have 1 to {} bytes", kRestorePointNameMax));
  }
  request.name = text;
  return set_target(request, Target::name);
}

Result<void> read_edge(const RequestWords& words, RestoreRequest& request) {
  if (words.inclusive && words.exclusive) {
    return Error(ErrorKind::invalid, "--inclusive and --exclusive exclude each other");
  }
  if ((words.inclusive || words.exclusive) && !words.target_lsn) {
    return Error(ErrorKind::invalid,
                 fmt::format("{} is said of the record at a position", words.inclusive ? "--inclusive" : "--exclusive"))
        .with_hint("say it with --target-lsn, or leave it out: any other target says it by itself");
  }
  if (words.inclusive) request.edge = RestoreRequest::Edge::inclusive;
  if (words.exclusive) request.edge = RestoreRequest::Edge::exclusive;
  return {};
}

Result<void> read_targets(const RequestWords& words, RestoreRequest& request) {
  if (words.latest) TRY(set_target(request, Target::latest));
  if (words.up_to_what_is_there && !words.latest) {
    return Error(ErrorKind::invalid, "--up-to-what-is-there is said with --latest");
  }
  request.up_to_what_is_there = words.up_to_what_is_there;
  if (words.immediate) TRY(set_target(request, Target::immediate));
  if (words.target_lsn) {
    request.lsn = TRY(Lsn::parse(*words.target_lsn));
    TRY(set_target(request, Target::lsn));
  }
  TRY(read_edge(words, request));
  if (words.target_xid) TRY(read_transaction(*words.target_xid, request));
  if (words.target_name) TRY(read_name(*words.target_name, request));
  if (words.target_timeline) {
    if (*words.target_timeline == 0) return Error(ErrorKind::invalid, "timelines count from 1");
    request.timeline = TimelineId{*words.target_timeline};
  }
  if (request.base == Base::any && request.target == Target::natural) {
    return Error(ErrorKind::invalid, "what to restore is missing")
        .with_hint("restore <full|incremental|transaction_logs|point_in_time> <date> [time], or restore --latest");
  }
  return {};
}

Result<void> read_scope_and_ending(const RequestWords& words, RestoreRequest& request) {
  if (words.files_only && words.database_only) {
    return Error(ErrorKind::invalid, "--files-only and --database-only exclude each other");
  }
  if (words.start && words.no_start) return Error(ErrorKind::invalid, "--start and --no-start exclude each other");
  if (words.files_only && (words.start || words.no_start)) {
    return Error(ErrorKind::invalid, "--files-only restores no database that could be started");
  }
  if (words.files_only) request.scope = Scope::files;
  if (words.database_only) request.scope = Scope::database;
  if (words.start) request.ending = Ending::started;
  if (words.no_start) request.ending = Ending::before_recovery;
  return {};
}

}  // namespace

Result<RestoreRequest> parse_request(const RequestWords& words, const TimeZone& zone) {
  RestoreRequest request;
  request.base = TRY(parse_base(words));
  TRY(read_date(words, zone, request));
  TRY(read_time(words, zone, request));
  TRY(read_targets(words, request));
  TRY(read_scope_and_ending(words, request));
  return request;
}

}  // namespace spendsync::restore
