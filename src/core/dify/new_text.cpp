#include "dify/new_text.hpp"

namespace opendify::dify {

namespace {

bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}  // namespace

void SaidText::add(std::string_view piece)
{
    for (const char c : piece) {
        if (!is_blank(c)) {
            words_ += c;
        }
    }

    if (!piece.empty()) {
        ends_blank_ = is_blank(piece.back());
    }
}

void SaidText::clear()
{
    words_.clear();
    ends_blank_ = false;
}

std::string_view SaidText::new_in(std::string_view whole) const
{
    if (ends_with(whole)) {
        return {};
    }

    const std::size_t at = covered(whole);
    if (at == std::string_view::npos) {
        return whole;
    }

    whole.remove_prefix(at);
    if (ends_blank_) {  // the blanks are said, too
        while (!whole.empty() && is_blank(whole.front())) {
            whole.remove_prefix(1);
        }
    }

    return whole;
}

bool SaidText::ends_with(std::string_view tail) const
{
    std::size_t i = words_.size();

    for (std::size_t k = tail.size(); k > 0; k--) {
        if (!is_blank(tail[k - 1])
            && (i == 0 || words_[--i] != tail[k - 1]))
        {
            return false;
        }
    }

    return true;
}

// How much of `whole` was said? npos if they differ.
std::size_t SaidText::covered(std::string_view whole) const
{
    std::size_t i = 0;

    for (std::size_t k = 0; k < words_.size(); k++) {
        while (i < whole.size() && is_blank(whole[i])) {
            i++;
        }

        if (i == whole.size()) {
            return i;
        }

        if (whole[i++] != words_[k]) {
            return std::string_view::npos;
        }
    }

    return i;
}

}  // namespace opendify::dify
