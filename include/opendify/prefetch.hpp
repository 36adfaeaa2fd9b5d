// Where many streams are open, each piece of an answer finds the memory of its
// stream cold. What is needed is asked for at once, so that one wait for
// memory is paid instead of one a line.

#ifndef OPENDIFY_PREFETCH_HPP
#define OPENDIFY_PREFETCH_HPP

#include <cstddef>

namespace opendify {

// The first `bytes` of an object, or all of it.
template <class T>
void prefetch(const T *object, std::size_t bytes = sizeof(T))
{
    constexpr std::size_t kLine = 64;
    const auto           *at = reinterpret_cast<const char *>(object);

    for (std::size_t i = 0; i < bytes && i < sizeof(T); i += kLine) {
        __builtin_prefetch(at + i);
    }
}

}  // namespace opendify

#endif
