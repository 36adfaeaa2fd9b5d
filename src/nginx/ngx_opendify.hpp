// nginx for C++: the one place that includes it, and the few helpers that keep
// the border between its C and our C++ safe. Include it before anything else.

#ifndef NGX_OPENDIFY_HPP
#define NGX_OPENDIFY_HPP

extern "C" {
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
}

#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

extern "C" ngx_module_t ngx_http_opendify_module;

namespace opendify::glue {

inline std::string_view view(const ngx_str_t &s)
{
    return {reinterpret_cast<const char *>(s.data), s.len};
}

// Borrows; nginx's strings have no const.
inline ngx_str_t borrow(std::string_view s)
{
    return {s.size(),
            reinterpret_cast<u_char *>(const_cast<char *>(s.data()))};
}

// Copies into the pool, one behind the other; data is null when that failed.
inline ngx_str_t copy(ngx_pool_t *pool, std::string_view s,
                      std::string_view then = {})
{
    size_t    size = s.size() + then.size();
    ngx_str_t to = {0, static_cast<u_char *>(ngx_pnalloc(pool, size + 1))};

    if (to.data != nullptr) {
        s.copy(reinterpret_cast<char *>(to.data), s.size());
        then.copy(reinterpret_cast<char *>(to.data) + s.size(), then.size());
        to.data[size] = '\0';
        to.len = size;
    }

    return to;
}

// The same for C++, which is told by an exception.
inline std::string_view keep(ngx_pool_t *pool, std::string_view s,
                             std::string_view then = {})
{
    ngx_str_t to = copy(pool, s, then);

    if (to.data == nullptr) {
        throw std::bad_alloc();
    }

    return view(to);
}

// An object that lives as long as the pool.
template <class T, class... Args>
T *pool_make(ngx_pool_t *pool, Args &&...args) noexcept
{
    static_assert(alignof(T) <= NGX_ALIGNMENT, "a pool aligns to a word");
    static_assert(std::is_nothrow_constructible_v<T, Args...>);

    auto *cln = ngx_pool_cleanup_add(pool, sizeof(T));
    if (cln == nullptr) {
        return nullptr;
    }

    auto *obj = new (cln->data) T(std::forward<Args>(args)...);
    cln->handler = [](void *p) { static_cast<T *>(p)->~T(); };

    return obj;
}

// Every function that nginx calls and that enters C++ has this as its body: no
// exception reaches a C frame. what() is not logged, it may quote a user.
template <class R, class F>
R guarded(ngx_log_t *log, R on_failure, F &&body) noexcept
{
    try {
        return body();

    } catch (const std::bad_alloc &) {
        ngx_log_error(NGX_LOG_CRIT, log, 0, "opendify: out of memory");

    } catch (...) {
        ngx_log_error(NGX_LOG_ALERT, log, 0, "opendify: unexpected exception");
    }

    return on_failure;
}

}  // namespace opendify::glue

#endif
