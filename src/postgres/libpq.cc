#include "postgres/libpq.h"

#include <dlfcn.h>
#include <libpq-fe.h>

namespace spendsync::postgres {

namespace {

void* library() {
  static void* const loaded = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
  return loaded;
}

void* symbol(const char* name) {
  CHECK(library() != nullptr);
  void* found = ::dlsym(library(), name);
  CHECK(found != nullptr);  // all of them are older than any libpq of a supported PostgreSQL
  return found;
}

}  // namespace

Result<void> load_libpq() {
  if (library() != nullptr) return {};
  return Error(ErrorKind::unsupported, "PostgreSQL's client library libpq.so.5 cannot be loaded")
      .with_hint("install it: apt-get install libpq5");
}

}  // namespace spendsync::postgres

// The functions of libpq-fe.h that this program uses, under their own names, so that callers need not know.
#define FORWARD(Return, name, parameters, arguments)                                                  \
  Return name parameters {                                                                            \
    static const auto real = reinterpret_cast<decltype(&::name)>(spendsync::postgres::symbol(#name)); \
    return real arguments;                                                                            \
  }

extern "C" {
FORWARD(int, PQbackendPID, (const PGconn* conn), (conn))
FORWARD(int, PQcancel, (PGcancel * cancel, char* errbuf, int errbufsize), (cancel, errbuf, errbufsize))
FORWARD(void, PQclear, (PGresult * res), (res))
FORWARD(PostgresPollingStatusType, PQconnectPoll, (PGconn * conn), (conn))
FORWARD(PGconn*, PQconnectStartParams, (const char* const* keywords, const char* const* values, int expand_dbname),
        (keywords, values, expand_dbname))
FORWARD(int, PQconnectionNeedsPassword, (const PGconn* conn), (conn))
FORWARD(void, PQconninfoFree, (PQconninfoOption * connOptions), (connOptions))
FORWARD(PQconninfoOption*, PQconninfoParse, (const char* conninfo, char** errmsg), (conninfo, errmsg))
FORWARD(int, PQconsumeInput, (PGconn * conn), (conn))
FORWARD(char*, PQerrorMessage, (const PGconn* conn), (conn))
FORWARD(void, PQfinish, (PGconn * conn), (conn))
FORWARD(int, PQflush, (PGconn * conn), (conn))
FORWARD(void, PQfreeCancel, (PGcancel * cancel), (cancel))
FORWARD(void, PQfreemem, (void* ptr), (ptr))
FORWARD(PGcancel*, PQgetCancel, (PGconn * conn), (conn))
FORWARD(int, PQgetCopyData, (PGconn * conn, char** buffer, int async), (conn, buffer, async))
FORWARD(PGresult*, PQgetResult, (PGconn * conn), (conn))
FORWARD(int, PQgetisnull, (const PGresult* res, int tup_num, int field_num), (res, tup_num, field_num))
FORWARD(int, PQgetlength, (const PGresult* res, int tup_num, int field_num), (res, tup_num, field_num))
FORWARD(char*, PQgetvalue, (const PGresult* res, int tup_num, int field_num), (res, tup_num, field_num))
FORWARD(int, PQisBusy, (PGconn * conn), (conn))
FORWARD(int, PQnfields, (const PGresult* res), (res))
FORWARD(int, PQntuples, (const PGresult* res), (res))
FORWARD(PGPing, PQping, (const char* conninfo), (conninfo))
FORWARD(int, PQputCopyData, (PGconn * conn, const char* buffer, int nbytes), (conn, buffer, nbytes))
FORWARD(int, PQputCopyEnd, (PGconn * conn, const char* errormsg), (conn, errormsg))
FORWARD(char*, PQresultErrorField, (const PGresult* res, int fieldcode), (res, fieldcode))
FORWARD(ExecStatusType, PQresultStatus, (const PGresult* res), (res))
FORWARD(int, PQsendQuery, (PGconn * conn, const char* query), (conn, query))
FORWARD(int, PQsendQueryParams,
        (PGconn * conn, const char* command, int nParams, const Oid* paramTypes, const char* const* paramValues,
         const int* paramLengths, const int* paramFormats, int resultFormat),
        (conn, command, nParams, paramTypes, paramValues, paramLengths, paramFormats, resultFormat))
FORWARD(int, PQserverVersion, (const PGconn* conn), (conn))
FORWARD(PGVerbosity, PQsetErrorVerbosity, (PGconn * conn, PGVerbosity verbosity), (conn, verbosity))
FORWARD(PQnoticeReceiver, PQsetNoticeReceiver, (PGconn * conn, PQnoticeReceiver proc, void* arg), (conn, proc, arg))
FORWARD(int, PQsocket, (const PGconn* conn), (conn))
FORWARD(ConnStatusType, PQstatus, (const PGconn* conn), (conn))
FORWARD(char*, PQuser, (const PGconn* conn), (conn))
}  // extern "C"
