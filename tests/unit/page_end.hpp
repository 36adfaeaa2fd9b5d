// A copy of some bytes that ends where an unreadable page begins: whoever
// reads one byte too far does not survive it.

#ifndef OPENDIFY_TESTS_PAGE_END_HPP
#define OPENDIFY_TESTS_PAGE_END_HPP

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>

namespace opendify {

class PageEnd {
public:
    explicit PageEnd(std::string_view bytes) : size_(bytes.size())
    {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));

        readable_ = (bytes.size() / page + 1) * page;
        mapped_ = readable_ + page;
        void *at = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) {
            throw std::bad_alloc();
        }

        base_ = static_cast<char *>(at);
        mprotect(base_ + readable_, page, PROT_NONE);
        std::memcpy(base_ + readable_ - size_, bytes.data(), size_);
    }

    ~PageEnd() { munmap(base_, mapped_); }

    PageEnd(const PageEnd &) = delete;
    PageEnd &operator=(const PageEnd &) = delete;

    std::string_view view() const
    {
        return {base_ + readable_ - size_, size_};
    }

private:
    char       *base_ = nullptr;
    std::size_t size_;
    std::size_t readable_ = 0;
    std::size_t mapped_ = 0;
};

}  // namespace opendify

#endif
