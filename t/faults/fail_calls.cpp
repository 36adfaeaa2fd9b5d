// Preloaded into nginx: calls into the C library that fail as they would on a
// bad day, and a clock that is wrong. The file that OPENDIFY_FAIL_CALLS names
// holds the 64-bit numbers of Control, which all processes share and a test
// sets.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
}

namespace {

enum Kind { k_none, k_malloc, k_write, k_fsync, k_connect, k_open, k_rename,
            k_accept, k_recv, k_send };

using Number = std::atomic<std::int64_t>;

struct Control {
    Number kind;
    Number first;  // of the calls of that kind fails, and so on to
    Number last;   // 0 as `first`: none
    Number count;
    Number failed;
    Number clock_s;  // added to the time of day
};

Control *control = nullptr;

__attribute__((constructor)) void attach()
{
    const char *path = std::getenv("OPENDIFY_FAIL_CALLS");
    const int   fd = path == nullptr ? -1 : open(path, O_RDWR | O_CLOEXEC);

    if (fd == -1) {
        return;
    }

    void *at = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE,
                    MAP_SHARED, fd, 0);
    close(fd);
    control = at == MAP_FAILED ? nullptr : static_cast<Control *>(at);
}

bool fails(Kind kind, int err)
{
    if (control == nullptr || control->first == 0 || control->kind != kind) {
        return false;
    }

    const std::int64_t number = ++control->count;

    if (number < control->first || number > control->last) {
        return false;
    }

    control->failed++;
    errno = err;

    return true;
}

template <class Function>
Function *real(Function *, const char *name)
{
    return reinterpret_cast<Function *>(dlsym(RTLD_NEXT, name));
}

// The library's own one.
#define REAL(name) static auto *const real_one = real(&name, #name)

bool is_log(int fd)
{
    char link[64], path[512];

    std::snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    const ssize_t size = readlink(link, path, sizeof(path));

    return size > 4 && std::memcmp(path + size - 4, ".log", 4) == 0;
}

int mode_of(int flags, va_list more)
{
    return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(more, int) : 0;
}

}  // namespace

extern "C" {

void *malloc(size_t size)
{
    return fails(k_malloc, ENOMEM) ? nullptr : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(k_malloc, ENOMEM) ? nullptr : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails(k_malloc, ENOMEM) ? nullptr : __libc_realloc(old, size);
}

int posix_memalign(void **to, size_t alignment, size_t size)
{
    if (fails(k_malloc, ENOMEM)) {
        return ENOMEM;
    }

    *to = __libc_memalign(alignment, size);

    return *to == nullptr ? ENOMEM : 0;
}

// A disk that becomes full takes some of it. Logs are on another one.
ssize_t write(int fd, const void *bytes, size_t size)
{
    REAL(write);

    if (is_log(fd) || !fails(k_write, ENOSPC)) {
        return real_one(fd, bytes, size);
    }

    if (size > 1 && control->failed == 1 && control->last > control->first) {
        return real_one(fd, bytes, size / 2);
    }

    errno = ENOSPC;

    return -1;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev);
    return fails(k_send, ECONNRESET) ? -1 : real_one(fd, parts, count);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    REAL(send);
    return fails(k_send, ECONNRESET) ? -1 : real_one(fd, bytes, size, flags);
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    REAL(recv);
    return fails(k_recv, ECONNRESET) ? -1 : real_one(fd, bytes, size, flags);
}

int fsync(int fd)
{
    REAL(fsync);
    return fails(k_fsync, EIO) ? -1 : real_one(fd);
}

int rename(const char *from, const char *to) noexcept
{
    REAL(rename);
    return fails(k_rename, EIO) ? -1 : real_one(from, to);
}

int connect(int fd, const struct sockaddr *to, socklen_t size)
{
    REAL(connect);
    return fails(k_connect, ECONNREFUSED) ? -1 : real_one(fd, to, size);
}

int accept4(int fd, struct sockaddr *from, socklen_t *size, int flags)
{
    REAL(accept4);
    return fails(k_accept, EMFILE) ? -1 : real_one(fd, from, size, flags);
}

int open(const char *path, int flags, ...)
{
    va_list more;
    REAL(open);

    va_start(more, flags);
    const int mode = mode_of(flags, more);
    va_end(more);

    return fails(k_open, EMFILE) ? -1 : real_one(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    REAL(open64);

    va_start(more, flags);
    const int mode = mode_of(flags, more);
    va_end(more);

    return fails(k_open, EMFILE) ? -1 : real_one(path, flags, mode);
}

int gettimeofday(struct timeval *now, void *zone) noexcept
{
    REAL(gettimeofday);
    const int rc = real_one(now, zone);

    if (rc == 0 && control != nullptr) {
        now->tv_sec += control->clock_s;
    }

    return rc;
}

}
