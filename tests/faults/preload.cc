// Loaded into the program by LD_PRELOAD: memory that runs out at the k-th allocation, reads and writes that do less
// than they were asked. Plays nothing unless the environment says so:
//   FAULT_ALLOCATION=k       the k-th allocation of the process fails, once
//   FAULT_ALLOCATIONS=k      it and all that come after
//   FAULT_COUNT=FILE         the number of allocations is written there at the end
//   FAULT_SHORT=1            every read and write of more than 512 bytes does half of it
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace {

std::atomic<unsigned long> allocations{0};
unsigned long fails_at = 0;  // zero: never
bool fails_for_ever = false;
bool is_short = false;
const char* count_file = nullptr;

unsigned long number_of(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::strtoul(text, nullptr, 10);
}

__attribute__((constructor)) void read_environment() {
  is_short = number_of("FAULT_SHORT") != 0;
  count_file = std::getenv("FAULT_COUNT");
  fails_for_ever = number_of("FAULT_ALLOCATIONS") != 0;
  allocations = 0;
  fails_at = fails_for_ever ? number_of("FAULT_ALLOCATIONS") : number_of("FAULT_ALLOCATION");
}

__attribute__((destructor)) void write_count() {
  if (count_file == nullptr) return;
  const int fd = open(count_file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) return;
  dprintf(fd, "%lu", allocations.load());
  close(fd);
}

bool runs_out() {
  const unsigned long number = ++allocations;
  if (fails_at == 0 || number < fails_at || (number > fails_at && !fails_for_ever)) return false;
  errno = ENOMEM;
  return true;
}

// Small ones are whole: eventfd and signalfd refuse less than their record, and no file system cuts so little.
size_t cut(size_t size) { return is_short && size > 512 ? (size + 1) / 2 : size; }

}  // namespace

extern "C" {

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) noexcept { return runs_out() ? nullptr : __libc_malloc(size); }
void* calloc(size_t count, size_t size) noexcept { return runs_out() ? nullptr : __libc_calloc(count, size); }
void* realloc(void* memory, size_t size) noexcept { return runs_out() ? nullptr : __libc_realloc(memory, size); }
void* aligned_alloc(size_t alignment, size_t size) noexcept {
  return runs_out() ? nullptr : __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) noexcept {
  if (runs_out()) return ENOMEM;
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}

ssize_t read(int fd, void* buffer, size_t size) { return syscall(SYS_read, fd, buffer, cut(size)); }
ssize_t write(int fd, const void* buffer, size_t size) { return syscall(SYS_write, fd, buffer, cut(size)); }
ssize_t pread(int fd, void* buffer, size_t size, off_t offset) {
  return syscall(SYS_pread64, fd, buffer, cut(size), offset);
}
ssize_t pread64(int fd, void* buffer, size_t size, off64_t offset) {
  return syscall(SYS_pread64, fd, buffer, cut(size), offset);
}
ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) {
  return syscall(SYS_pwrite64, fd, buffer, cut(size), offset);
}
ssize_t pwrite64(int fd, const void* buffer, size_t size, off64_t offset) {
  return syscall(SYS_pwrite64, fd, buffer, cut(size), offset);
}

}  // extern "C"
