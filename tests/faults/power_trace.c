// Notes every write, truncation, sync and name of a process's files, for the simulation of power losses:
//   LD_PRELOAD=power_trace.so POWER_TRACE=FILE POWER_FOLDER=FOLDER program
// A record: kind (1 byte), file number (4), offset (8), length (8), bytes. Kinds: N a name, W a write, T a truncation,
// S a sync, U a removal, A a line on standard output. Files outside of the folder are not noted.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_FILES = 4096 };
static int trace = -1;
static int file_of[MAX_FILES];  // descriptor -> file number, 0: not noted
static char *names[MAX_FILES];
static int known = 1;

#define NEXT(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

static void note(char kind, int32_t file, int64_t offset, int64_t length, const void *bytes) {
    char head[21];
    if (trace < 0) return;
    head[0] = kind;
    memcpy(head + 1, &file, 4);
    memcpy(head + 5, &offset, 8);
    memcpy(head + 13, &length, 8);
    syscall(SYS_write, trace, head, sizeof head);
    if (bytes) syscall(SYS_write, trace, bytes, length);
}

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("POWER_TRACE");
    if (path) trace = syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_APPEND, 0600);
}

static int number_of(const char *path) {
    const char *folder = getenv("POWER_FOLDER");
    if (!folder || strncmp(path, folder, strlen(folder)) != 0) return 0;
    for (int n = 1; n < known; n++)
        if (strcmp(names[n], path) == 0) return n;
    if (known == MAX_FILES) abort();
    names[known] = strdup(path);
    note('N', known, 0, strlen(path), path);
    return known++;
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < MAX_FILES) file_of[fd] = number_of(path);
    return fd;
}

static int noted(int fd) { return fd >= 0 && fd < MAX_FILES ? file_of[fd] : 0; }

#define OPEN(name)                                                     \
    int name(const char *path, int flags, ...) {                       \
        va_list more;                                                  \
        va_start(more, flags);                                         \
        int mode = va_arg(more, int);                                  \
        va_end(more);                                                  \
        return opened(NEXT(name)(path, flags, mode), path);            \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (fd >= 0 && fd < MAX_FILES) file_of[fd] = 0;
    return NEXT(close)(fd);
}

#define PWRITE(name, type)                                             \
    ssize_t name(int fd, const void *bytes, size_t length, type at) {  \
        ssize_t done = NEXT(name)(fd, bytes, length, at);              \
        if (done > 0 && noted(fd)) note('W', noted(fd), at, done, bytes); \
        return done;                                                   \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *bytes, size_t length) {
    off64_t at = noted(fd) ? lseek64(fd, 0, SEEK_CUR) : 0;
    ssize_t done = NEXT(write)(fd, bytes, length);
    if (done > 0 && fd == 1) note('A', 0, 0, done, bytes);
    if (done > 0 && noted(fd)) note('W', noted(fd), at, done, bytes);
    return done;
}

#define TRUNCATE(name, type)                                           \
    int name(int fd, type size) {                                      \
        int result = NEXT(name)(fd, size);                             \
        if (result == 0 && noted(fd)) note('T', noted(fd), size, 0, 0); \
        return result;                                                 \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                     \
    int name(int fd) {                                                 \
        int result = NEXT(name)(fd);                                   \
        if (result == 0 && noted(fd)) note('S', noted(fd), 0, 0, 0);   \
        return result;                                                 \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    int result = NEXT(unlink)(path);
    int file = number_of(path);
    if (result == 0 && file) note('U', file, 0, 0, 0);
    return result;
}
