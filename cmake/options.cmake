# Build-wide switches. `Tests` is the one configuration that run-tests.sh builds: light optimisation, assertions on.
option(SSB_BUILD_TESTS "build the tests" OFF)
option(SSB_COVERAGE "instrument for gcov" OFF)
option(SSB_FUZZ "tell the fuzzer which code an input reaches" OFF)
set(SSB_SANITIZE "" CACHE STRING "value for -fsanitize=")

# Forced: project() has put its own values, empty for Tests, into the cache already.
set(CMAKE_CXX_FLAGS_TESTS "-O1 -g1" CACHE STRING "flags of the Tests configuration" FORCE)
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g3" CACHE STRING "flags of the Debug configuration" FORCE)
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1 -DNDEBUG" CACHE STRING "flags of the Release configuration" FORCE)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# Paths relative to the source folder and the precompiled header's times left out of account: a second clone or worktree
# then finds what the first one compiled.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

add_library(ssb_flags INTERFACE)
target_compile_options(ssb_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wformat=2 -Werror -Werror=format-security -Werror=unused-result
  -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.
  # What GCC 12 says at -O3 of inlined std::string and std::vector code is false (its bugs 105651, 105329, 107852).
  $<$<CONFIG:Release>:-Wno-restrict> $<$<CONFIG:Release>:-Wno-array-bounds> $<$<CONFIG:Release>:-Wno-stringop-overflow>)
target_compile_definitions(ssb_flags INTERFACE _GNU_SOURCE _GLIBCXX_ASSERTIONS SSB_VERSION="${PROJECT_VERSION}")
target_link_options(ssb_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)

if(SSB_SANITIZE)
  target_compile_options(ssb_flags INTERFACE -fsanitize=${SSB_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    -Wno-uninitialized -Wno-maybe-uninitialized)  # GCC 12 warns falsely once it instruments
  target_link_options(ssb_flags INTERFACE -fsanitize=${SSB_SANITIZE})
else()
  target_compile_options(ssb_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
if(SSB_FUZZ)
  target_compile_options(ssb_flags INTERFACE -fsanitize-coverage=trace-pc)  # calls tests/fuzz/coverage.cc
endif()
if(SSB_COVERAGE)
  target_compile_options(ssb_flags INTERFACE --coverage)
  target_link_options(ssb_flags INTERFACE --coverage)
endif()
include(CheckPIESupported)
check_pie_supported()
