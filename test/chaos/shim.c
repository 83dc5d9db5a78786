/*
 * Loaded in front of libc by LD_PRELOAD: a wall clock that can be set, and a disk that can be full. Both are told by a
 * file of 16 bytes which every process maps, so that a test changes them while the process runs: seconds to add to the
 * wall clock (int64), then 1 when the disk is full (int64). The monotonic clock goes on as it does when a person sets the
 * time. As on a full disk, what is already allocated can still be written: only what makes a file larger fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t none[2];
static const volatile int64_t *control = none;
/* Only files below this folder are on the full disk. */
static const char *folder;

static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
  real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  folder = getenv("CHAOS_DISK");
  if (folder) folder = strdup(folder);
  const char *path = getenv("CHAOS_CONTROL");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, fd, 0);
  if (map != MAP_FAILED) control = map;
  close(fd);
}

int clock_gettime(clockid_t id, struct timespec *at) {
  if (!real_clock_gettime) real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real_clock_gettime(id, at);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += control[0];
  return result;
}

int gettimeofday(struct timeval *at, void *zone) {
  (void)zone;
  struct timespec now;
  int result = clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return result;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}

/* True when the disk is full and `end` is behind the end of this file. A negative offset stands for the file's position. */
static int is_full(int fd, off_t offset, size_t bytes) {
  if (!control[1] || !folder) return 0;
  int saved = errno;
  char link[64], path[4096];
  struct stat file;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  int full = 0;
  if (length > 0 && fstat(fd, &file) == 0 && S_ISREG(file.st_mode)) {
    path[length] = 0;
    if (offset < 0) offset = fcntl(fd, F_GETFL) & O_APPEND ? file.st_size : lseek(fd, 0, SEEK_CUR);
    full = strncmp(path, folder, strlen(folder)) == 0 && offset + (off_t)bytes > file.st_size;
  }
  errno = full ? ENOSPC : saved;
  return full;
}

static size_t total(const struct iovec *parts, int count) {
  size_t bytes = 0;
  for (int i = 0; i < count; i++) bytes += parts[i].iov_len;
  return bytes;
}

#define REAL(name, ...) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
  return real(__VA_ARGS__)

ssize_t write(int fd, const void *data, size_t bytes) {
  if (is_full(fd, -1, bytes)) return -1;
  REAL(write, fd, data, bytes);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (is_full(fd, -1, total(parts, count))) return -1;
  REAL(writev, fd, parts, count);
}
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at) {
  if (is_full(fd, at, bytes)) return -1;
  REAL(pwrite, fd, data, bytes, at);
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at) {
  if (is_full(fd, at, bytes)) return -1;
  REAL(pwrite64, fd, data, bytes, at);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  if (is_full(fd, at, total(parts, count))) return -1;
  REAL(pwritev, fd, parts, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  if (is_full(fd, at, total(parts, count))) return -1;
  REAL(pwritev64, fd, parts, count, at);
}
int fallocate(int fd, int mode, off_t at, off_t bytes) {
  if (is_full(fd, at, bytes)) return -1;
  REAL(fallocate, fd, mode, at, bytes);
}
/* These two return the error instead of setting errno. */
int posix_fallocate(int fd, off_t at, off_t bytes) {
  if (is_full(fd, at, bytes)) return ENOSPC;
  REAL(posix_fallocate, fd, at, bytes);
}
int posix_fallocate64(int fd, off64_t at, off64_t bytes) {
  if (is_full(fd, at, bytes)) return ENOSPC;
  REAL(posix_fallocate64, fd, at, bytes);
}
