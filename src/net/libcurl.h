// libcurl, loaded when the first request is made. Inside this folder only.
#pragma once

#include "base/result.h"

namespace spendsync::net {

/// Loads libcurl.so.4, which brings thirty libraries along: a program that keeps backups in a directory must not wait
/// for them (postgres/libpq.h has the same reason). Must have succeeded before any function of curl/curl.h is called.
/// Any thread. Errors: unsupported when the library cannot be loaded.
Result<void> load_libcurl();

/// curl_easy_setopt and curl_easy_getinfo, whose last argument may have any type: they cannot be forwarded, and are
/// called through a pointer of their own type.
void* address_of_setopt();
void* address_of_getinfo();

}  // namespace spendsync::net
