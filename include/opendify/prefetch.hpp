// Where many streams are open, each piece of an answer finds the memory of its
// stream cold. What is needed is asked for at once, so that one wait for
// memory is paid instead of one a line. For the same reason the functions that
// every piece runs through are marked [[gnu::hot]]: they lie side by side.

#ifndef OPENDIFY_PREFETCH_HPP
#define OPENDIFY_PREFETCH_HPP

#include <cstddef>
#include <utility>

namespace opendify {

inline constexpr std::size_t kCacheLine = 64;

template <std::size_t... kLines>
void prefetch_lines(const void *at, std::index_sequence<kLines...>)
{
    (__builtin_prefetch(static_cast<const char *>(at) + kLines * kCacheLine),
     ...);
}

// The first `kBytes` of an object, or all of it.
template <std::size_t kBytes, class T>
void prefetch(const T *object)
{
    static_assert(kBytes <= sizeof(T));
    prefetch_lines(object, std::make_index_sequence<
                               (kBytes + kCacheLine - 1) / kCacheLine>());
}

template <class T>
void prefetch(const T *object)
{
    prefetch<sizeof(T)>(object);
}

}  // namespace opendify

#endif
