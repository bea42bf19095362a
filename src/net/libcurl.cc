#include "net/libcurl.h"

#include <curl/curl.h>
#include <dlfcn.h>

namespace spendsync::net {

namespace {

void* library() {
  static void* const loaded = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  return loaded;
}

void* symbol(const char* name) {
  CHECK(library() != nullptr);
  void* found = ::dlsym(library(), name);
  CHECK(found != nullptr);  // all of them are older than the libcurl of Debian 12
  return found;
}

}  // namespace

Result<void> load_libcurl() {
  static const bool ready = library() != nullptr && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  constexpr unsigned kOldest = 0x075700;  // 7.87.0: CURLOPT_QUICK_EXIT
  if (ready && curl_version_info(CURLVERSION_NOW)->version_num >= kOldest) return {};
  if (ready) return Error(ErrorKind::unsupported, "libcurl.so.4 is older than 7.87");
  return Error(ErrorKind::unsupported, "the library libcurl.so.4 cannot be loaded")
      .with_hint("install it: apt-get install libcurl4");
}

void* address_of_setopt() {
  static void* const found = symbol("curl_easy_setopt");
  return found;
}

void* address_of_getinfo() {
  static void* const found = symbol("curl_easy_getinfo");
  return found;
}

}  // namespace spendsync::net

// The functions of curl/curl.h that this program uses, under their own names, so that callers need not know.
#define FORWARD(Return, name, parameters, arguments)                                             \
  Return name parameters {                                                                       \
    static const auto real = reinterpret_cast<decltype(&::name)>(spendsync::net::symbol(#name)); \
    return real arguments;                                                                       \
  }

extern "C" {
FORWARD(CURLcode, curl_global_init, (long flags), (flags))
FORWARD(curl_version_info_data*, curl_version_info, (CURLversion age), (age))
FORWARD(CURL*, curl_easy_init, (), ())
FORWARD(void, curl_easy_cleanup, (CURL * curl), (curl))
FORWARD(void, curl_easy_reset, (CURL * curl), (curl))
FORWARD(CURLM*, curl_multi_init, (), ())
FORWARD(CURLMcode, curl_multi_cleanup, (CURLM * multi), (multi))
FORWARD(CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL* curl), (multi, curl))
FORWARD(CURLMcode, curl_multi_remove_handle, (CURLM * multi, CURL* curl), (multi, curl))
FORWARD(CURLMcode, curl_multi_perform, (CURLM * multi, int* running), (multi, running))
FORWARD(CURLMcode, curl_multi_poll,
        (CURLM * multi, struct curl_waitfd extra[], unsigned int count, int timeout, int* ready),
        (multi, extra, count, timeout, ready))
FORWARD(CURLMcode, curl_multi_wakeup, (CURLM * multi), (multi))
FORWARD(CURLMsg*, curl_multi_info_read, (CURLM * multi, int* left), (multi, left))
FORWARD(struct curl_slist*, curl_slist_append, (struct curl_slist * list, const char* text), (list, text))
FORWARD(void, curl_slist_free_all, (struct curl_slist * list), (list))
FORWARD(const char*, curl_easy_strerror, (CURLcode code), (code))
}  // extern "C"
