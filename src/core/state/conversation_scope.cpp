#include "opendify/conversation_map.hpp"

namespace opendify {
namespace {

std::string_view bytes_of(const Digest &digest)
{
    return { reinterpret_cast<const char *>(digest.data()), digest.size() };
}

}  // namespace

Digest conversation_scope(const Digest &app, std::string_view client,
                          std::string_view user, std::string_view chat)
{
    return digest_of({ bytes_of(app), client, user, chat });
}

Digest imported_head(const Digest &scope)
{
    return digest_of({ bytes_of(scope), "imported" });
}

}  // namespace opendify
