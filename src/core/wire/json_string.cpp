#include "wire/json_string.hpp"

#include "wire/json_escape.hpp"
#include "wire/utf8.hpp"

namespace opendify::wire {

namespace {

bool is_plain(std::string_view text)
{
    unsigned seen = kPlain;

    for (char c : text) {
        seen |= text_class(c);
    }

    return seen == kPlain || seen == kWide;
}

// Of a surrogate pair.
bool is_half(std::string_view bytes, const JsonEscape &escape)
{
    return escape.view() == "\xef\xbf\xbd"
           && (bytes[2] == 'd' || bytes[2] == 'D');
}

// From the first escape on.
JsonToken unescape(std::string_view bytes, std::size_t at, std::string &out)
{
    bool verbatim = true;

    out.assign(bytes.substr(0, at));

    while (at < bytes.size()) {
        const TextClass kind = text_class(bytes[at]);

        if (kind == kQuote && is_utf8(out)) {
            return {at, out, verbatim && is_plain(out)};
        }

        if (kind == kQuote || kind == kControl) {
            break;
        }

        if (kind != kEscape) {
            out.push_back(bytes[at++]);
            continue;
        }

        const JsonEscape escape = read_escape(bytes.substr(at));
        if (escape.size == 0 || is_half(bytes.substr(at), escape)) {
            break;
        }

        out.append(escape.view());
        verbatim = verbatim && (escape.bytes > 1 || escape.text[0] == '/');
        at += escape.size;
    }

    return {};
}

}  // namespace

JsonToken read_any_token(std::string_view bytes, std::string &unescaped)
{
    std::size_t at = 0;
    unsigned    seen = kPlain;
    TextClass   kind = kControl;

    for (; at < bytes.size(); at++) {
        kind = text_class(bytes[at]);
        if (kind > kText) {
            break;
        }

        seen |= kind;
    }

    if (at == bytes.size() || kind == kControl) {
        return {};
    }

    if (kind == kEscape) {
        return unescape(bytes, at, unescaped);
    }

    const std::string_view text(bytes.data(), at);

    if ((seen & kWide) != 0 && !is_utf8(text)) {
        return {};
    }

    return {at, text, (seen & kMarkup) == 0};
}

}  // namespace opendify::wire
