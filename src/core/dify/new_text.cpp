#include "dify/new_text.hpp"

#include <cstddef>

namespace opendify::dify {

namespace {

bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Blanks apart, does `text` end with `tail`?
bool ends_with(std::string_view text, std::string_view tail)
{
    std::size_t i = text.size();
    std::size_t k = tail.size();

    for (;;) {
        while (k > 0 && is_blank(tail[k - 1])) {
            k--;
        }

        while (i > 0 && is_blank(text[i - 1])) {
            i--;
        }

        if (k == 0) {
            return true;
        }

        if (i == 0 || text[--i] != tail[--k]) {
            return false;
        }
    }
}

// Blanks apart, how much of `whole` does `said` cover? npos if they differ.
std::size_t covered(std::string_view whole, std::string_view said)
{
    std::size_t i = 0;
    std::size_t k = 0;

    for (;;) {
        while (k < said.size() && is_blank(said[k])) {
            k++;
        }

        if (k == said.size()) {
            return i;
        }

        while (i < whole.size() && is_blank(whole[i])) {
            i++;
        }

        if (i == whole.size()) {
            return i;
        }

        if (whole[i++] != said[k++]) {
            return std::string_view::npos;
        }
    }
}

}  // namespace

std::string_view new_text(std::string_view whole, std::string_view said)
{
    if (ends_with(said, whole)) {
        return {};
    }

    const std::size_t at = covered(whole, said);
    if (at == std::string_view::npos) {
        return whole;
    }

    whole.remove_prefix(at);
    if (!said.empty() && is_blank(said.back())) {  // the blanks are said, too
        while (!whole.empty() && is_blank(whole.front())) {
            whole.remove_prefix(1);
        }
    }

    return whole;
}

}  // namespace opendify::dify
