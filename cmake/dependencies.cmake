# Debian 12 packages only; tools/install-packages names them.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(fmt REQUIRED)
find_package(tl-expected REQUIRED)
find_package(yaml-cpp REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(PQ REQUIRED libpq)  # headers only: postgres/libpq.h
pkg_check_modules(CURL REQUIRED libcurl)  # headers only: net/libcurl.h
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(CAP REQUIRED IMPORTED_TARGET libcap)
find_package(date REQUIRED)
