#include "ngx_http_opendify_forms.hpp"

#include <map>

namespace opendify::glue {

namespace {

constexpr time_t      kTtl = 300;           // seconds
constexpr time_t      kUnreadableTtl = 30;  // the next release may tell
constexpr std::size_t kMaxForms = 4096;

struct Entry {
    KnownForm known;
    time_t    expires;
};

// Keys are those of configured apps: the limit only ends what reloads leave.
std::map<Digest, Entry> &forms()
{
    static std::map<Digest, Entry> all;

    return all;
}

}  // namespace

KnownForm forms_get(const Digest &key)
{
    auto at = forms().find(key);

    return at != forms().end() && at->second.expires > ngx_time()
               ? at->second.known
               : KnownForm{};
}

void forms_put(const Digest &key, KnownForm form)
{
    if (forms().size() >= kMaxForms) {
        forms().clear();
    }

    time_t ttl = form.readable ? kTtl : kUnreadableTtl;
    forms()[key] = {std::move(form), ngx_time() + ttl};
}

void forms_forget(const Digest &key)
{
    forms().erase(key);
}

}  // namespace opendify::glue
