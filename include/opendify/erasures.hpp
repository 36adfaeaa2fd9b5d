// What was erased lately, for the turns that were under way then: what began
// before must not be stored after. Lives in memory shared by workers, under
// the caller's lock.

#ifndef OPENDIFY_ERASURES_HPP
#define OPENDIFY_ERASURES_HPP

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "opendify/conversation_map.hpp"

namespace opendify {

class Erasures {
public:
    // Each note has a greater number; a turn keeps the one it began at.
    std::uint64_t number() const { return number_; }

    // All that matches is being erased, now.
    void note(const ConversationFilter &filter, std::uint32_t now_s);

    // Whether the conversation of a turn that began at that number was erased
    // since. `used_s` is when the turn began. Of more erasures than are kept
    // the oldest are taken for all.
    bool forbid(std::uint64_t since, const ConversationOwner &owner,
                const ConversationId &id, std::uint32_t used_s) const;

    // The same of a conversation that was stored at `used_s`, if it is not
    // known when its turn began: not longer than an hour before.
    bool has(const ConversationOwner &owner, const ConversationId &id,
             std::uint32_t used_s) const;

    static constexpr std::size_t kKept = 128;

private:
    struct Mark {
        ConversationFilter filter;
        std::uint64_t      number = 0;  // 0: free
        std::uint32_t      at_s = 0;
    };

    Mark          marks_[kKept];
    std::uint64_t number_ = 0;
    std::uint64_t forgotten_ = 0;  // the greatest that is not kept any more
};

static_assert(std::is_trivially_copyable_v<Erasures>);

}  // namespace opendify

#endif
