// Preloaded into nginx: the n-th operator new from now fails. The file that
// OPENDIFY_FAIL_NEW names holds how many are left as a 64-bit number, which a
// test sets; 0: none fails.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::int64_t> *left_to_go()
{
    const char *path = std::getenv("OPENDIFY_FAIL_NEW");
    const int   fd = path == nullptr ? -1 : open(path, O_RDWR | O_CLOEXEC);

    if (fd == -1) {
        return nullptr;
    }

    void *at = mmap(nullptr, sizeof(std::atomic<std::int64_t>),
                    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);

    return at == MAP_FAILED ? nullptr
                            : static_cast<std::atomic<std::int64_t> *>(at);
}

std::atomic<std::int64_t> *const left = left_to_go();

}  // namespace

void *operator new(std::size_t size)
{
    if (left != nullptr && left->load() > 0 && left->fetch_sub(1) == 1) {
        throw std::bad_alloc();
    }

    void *at = std::malloc(size);

    if (at == nullptr) {
        throw std::bad_alloc();
    }

    return at;
}

void *operator new[](std::size_t size)
{
    return operator new(size);
}

void operator delete(void *at) noexcept
{
    std::free(at);
}

void operator delete(void *at, std::size_t) noexcept
{
    std::free(at);
}

void operator delete[](void *at) noexcept
{
    std::free(at);
}

void operator delete[](void *at, std::size_t) noexcept
{
    std::free(at);
}
