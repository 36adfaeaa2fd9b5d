#include "opendify/content_coding.hpp"

#include <algorithm>

namespace opendify {

namespace {

// Of a list of codings the first; the rest of the list stays.
std::string_view next_coding(std::string_view &list)
{
    constexpr std::string_view kBlanks = " \t";
    const std::size_t          comma = list.find(',');
    std::string_view           coding = list.substr(0, comma);

    list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
    coding.remove_prefix(std::min(coding.find_first_not_of(kBlanks),
                                  coding.size()));

    return coding.substr(0, coding.find_last_not_of(kBlanks) + 1);
}

}  // namespace

bool is_identity(std::string_view codings)
{
    constexpr std::string_view kIdentity = "identity";

    while (!codings.empty()) {
        const std::string_view coding = next_coding(codings);

        const bool same = std::equal(
            coding.begin(), coding.end(), kIdentity.begin(), kIdentity.end(),
            [](char a, char b) { return (a | 0x20) == b; });

        if (!coding.empty() && !same) {
            return false;
        }
    }

    return true;
}

}  // namespace opendify
