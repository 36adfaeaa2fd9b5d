#include "opendify/erasures.hpp"

#include <algorithm>
#include <iterator>

namespace opendify {
namespace {

constexpr std::uint32_t kTurnS = 3600;

bool is_same(const ConversationFilter &a, const ConversationFilter &b)
{
    return a.user == b.user && a.app == b.app
           && a.id.has_value() == b.id.has_value()
           && (!a.id || a.id->view() == b.id->view())
           && a.used_until_s == b.used_until_s;
}

}  // namespace

bool ConversationFilter::matches(const ConversationOwner &whose,
                                 const ConversationId &name,
                                 std::uint32_t used_s) const
{
    return (!user || *user == whose.user) && (!app || *app == whose.app)
           && (!id || id->view() == name.view())
           && (!used_until_s || used_s <= *used_until_s);
}

void Erasures::note(const ConversationFilter &filter, std::uint32_t now_s)
{
    auto *mark = std::find_if(
        std::begin(marks_), std::end(marks_), [&](const Mark &m) {
            return m.number != 0 && is_same(m.filter, filter);
        });

    if (mark == std::end(marks_)) {
        mark = std::min_element(std::begin(marks_), std::end(marks_),
                                [](const Mark &a, const Mark &b) {
                                    return a.number < b.number;
                                });
        forgotten_ = std::max(forgotten_, mark->number);
    }

    mark->filter = filter;
    mark->number = ++number_;
    mark->at_s = now_s;
}

bool Erasures::forbid(std::uint64_t since, const ConversationOwner &owner,
                      const ConversationId &id, std::uint32_t used_s) const
{
    return since < number_
           && (since < forgotten_
               || std::any_of(std::begin(marks_), std::end(marks_),
                              [&](const Mark &m) {
                                  return m.number > since
                                         && m.filter.matches(owner, id,
                                                             used_s);
                              }));
}

bool Erasures::has(const ConversationOwner &owner, const ConversationId &id,
                   std::uint32_t used_s) const
{
    return std::any_of(std::begin(marks_), std::end(marks_),
                       [&](const Mark &m) {
                           return m.number != 0 && used_s <= m.at_s + kTurnS
                                  && m.filter.matches(owner, id, used_s);
                       });
}

}  // namespace opendify
