/* Counts file operations under one folder, and at the N-th of them kills, fails or interrupts the process.
 * Preloaded; armed by faults_arm(). Kinds: 0 count only, 1 kill, 2 I/O error once, 3 disk full from then on, 4 SIGINT.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READS, GROWS, FREES };

static char folder[PATH_MAX];
static size_t length;
static long at;
static int kind;
static long *count;   /* shared with the parent of the armed process */
static char (*names)[32];

void faults_share(void) {
    count = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    names = mmap(NULL, 65536 * 32, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

void faults_arm(const char *path, long nth, int what) {
    snprintf(folder, sizeof folder, "%s", path);
    *count = 0;
    at = nth;
    kind = what;
    length = strlen(folder);
}

void faults_disarm(void) { length = 0; }

long faults_count(void) { return *count; }
const char *faults_name(long n) { return names[n % 65536]; }

static int inside(const char *path) {
    return length && strncmp(path, folder, length) == 0 &&
           (path[length] == 0 || path[length] == '/');
}

static int named(int dir, const char *path) {
    char full[2 * PATH_MAX], link[64];
    if (!length || !path) return 0;
    if (path[0] == '/') return inside(path);
    if (dir == AT_FDCWD) {
        if (!getcwd(full, PATH_MAX)) return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        ssize_t n = readlink(link, full, PATH_MAX - 1);
        if (n < 0) return 0;
        full[n] = 0;
    }
    strncat(full, "/", 2);
    strncat(full, path, PATH_MAX - 1);
    return inside(full);
}

static int handled(int fd) {
    char link[64], full[PATH_MAX];
    if (!length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, full, sizeof full - 1);
    if (n < 0) return 0;
    full[n] = 0;
    return inside(full);
}

/* Whether the operation is to fail; errno says how. */
static int fault(const char *name, int sort) {
    long now = __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
    snprintf(names[now % 65536], 32, "%s", name);
    if (kind == 3 && at && now >= at && sort == GROWS) { errno = ENOSPC; return 1; }
    if (now != at) return 0;
    if (kind == 1) { kill(getpid(), SIGKILL); for (;;) pause(); }
    if (kind == 2) { errno = EIO; return 1; }
    if (kind == 4) kill(getpid(), SIGINT);
    return 0;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define OPEN(function, text) \
    int function(const char *path, int flags, ...) { \
        REAL(int, text, const char *, int, ...); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
        if (named(AT_FDCWD, path) && fault("open", flags & O_CREAT ? GROWS : READS)) return -1; \
        return real(path, flags, mode); \
    }
OPEN(open, "open")
OPEN(open64, "open64")

#define OPENAT(function, text) \
    int function(int dir, const char *path, int flags, ...) { \
        REAL(int, text, int, const char *, int, ...); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
        if (named(dir, path) && fault("open", flags & O_CREAT ? GROWS : READS)) return -1; \
        return real(dir, path, flags, mode); \
    }
OPENAT(openat, "openat")
OPENAT(openat64, "openat64")

#define FOPEN(function, text) \
    FILE *function(const char *path, const char *mode) { \
        REAL(FILE *, text, const char *, const char *); \
        if (named(AT_FDCWD, path) && fault("open", mode[0] == 'r' ? READS : GROWS)) return NULL; \
        return real(path, mode); \
    }
FOPEN(fopen, "fopen")
FOPEN(fopen64, "fopen64")

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return handled(fd) && fault("write", GROWS) ? -1 : real(fd, data, size);
}
#define PWRITE(function, text) \
    ssize_t function(int fd, const void *data, size_t size, off64_t offset) { \
        REAL(ssize_t, text, int, const void *, size_t, off64_t); \
        return handled(fd) && fault("pwrite", GROWS) ? -1 : real(fd, data, size, offset); \
    }
PWRITE(pwrite, "pwrite")
PWRITE(pwrite64, "pwrite64")
ssize_t writev(int fd, const struct iovec *parts, int number) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    return handled(fd) && fault("write", GROWS) ? -1 : real(fd, parts, number);
}
#define PWRITEV(function, text) \
    ssize_t function(int fd, const struct iovec *parts, int number, off64_t offset) { \
        REAL(ssize_t, text, int, const struct iovec *, int, off64_t); \
        return handled(fd) && fault("pwrite", GROWS) ? -1 : real(fd, parts, number, offset); \
    }
PWRITEV(pwritev, "pwritev")
PWRITEV(pwritev64, "pwritev64")
#define ON_FD(function, text, sort, said) \
    int function(int fd) { \
        REAL(int, text, int); \
        return handled(fd) && fault(said, sort) ? -1 : real(fd); \
    }
ON_FD(fsync, "fsync", READS, "fsync")
ON_FD(fdatasync, "fdatasync", READS, "fsync")
#define TRUNCATE(function, text) \
    int function(int fd, off64_t size) { \
        REAL(int, text, int, off64_t); \
        return handled(fd) && fault("ftruncate", GROWS) ? -1 : real(fd, size); \
    }
TRUNCATE(ftruncate, "ftruncate")
TRUNCATE(ftruncate64, "ftruncate64")
int fallocate(int fd, int mode, off64_t offset, off64_t size) {
    REAL(int, "fallocate", int, int, off64_t, off64_t);
    return handled(fd) && fault("fallocate", GROWS) ? -1 : real(fd, mode, offset, size);
}
int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    return named(AT_FDCWD, to) && fault("rename", READS) ? -1 : real(from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
    REAL(int, "renameat", int, const char *, int, const char *);
    return named(b, to) && fault("rename", READS) ? -1 : real(a, from, b, to);
}
int link(const char *from, const char *to) {
    REAL(int, "link", const char *, const char *);
    return named(AT_FDCWD, to) && fault("link", GROWS) ? -1 : real(from, to);
}
#define ON_PATH(function, text, sort) \
    int function(const char *path) { \
        REAL(int, text, const char *); \
        return named(AT_FDCWD, path) && fault(text, sort) ? -1 : real(path); \
    }
ON_PATH(unlink, "unlink", FREES)
ON_PATH(rmdir, "rmdir", FREES)
ON_PATH(remove, "remove", FREES)
int unlinkat(int dir, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    return named(dir, path) && fault("unlink", FREES) ? -1 : real(dir, path, flags);
}
int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    return named(AT_FDCWD, path) && fault("mkdir", GROWS) ? -1 : real(path, mode);
}
int mkdirat(int dir, const char *path, mode_t mode) {
    REAL(int, "mkdirat", int, const char *, mode_t);
    return named(dir, path) && fault("mkdir", GROWS) ? -1 : real(dir, path, mode);
}
