// What yajl makes of a JSON text, and what our reader made of one, written the
// same way to be compared: every value with its text and place.

#ifndef OPENDIFY_TESTS_YAJL_JUDGE_HPP
#define OPENDIFY_TESTS_YAJL_JUDGE_HPP

#include <yajl/yajl_parse.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "wire/json_reader.hpp"
#include "wire/utf8.hpp"

namespace opendify::judge {

// Of both: "n1:ks1@5:x" is a member "k" whose string "x" ends at offset 5.
class Record {
public:
    bool enter(char open, std::size_t max_depth)
    {
        text_ += open;
        return ++depth_ <= max_depth;
    }

    void leave(char close)
    {
        text_ += close;
        depth_--;
    }

    void token(char kind, std::string_view bytes)
    {
        text_ += kind + std::to_string(bytes.size()) + ':';
        text_ += bytes;
    }

    void string(std::string_view bytes, std::size_t quote)
    {
        text_ += '@' + std::to_string(quote);
        token('s', bytes);
    }

    const std::string &text() const { return text_; }

private:
    std::string text_;
    std::size_t depth_ = 0;
};

inline void record(Record &out, wire::JsonValue value)
{
    using wire::JsonType;

    switch (value.type()) {
    case JsonType::null:
        out.token('0', {});
        return;

    case JsonType::boolean:
        out.token(value.boolean(false) ? 't' : 'f', {});
        return;

    case JsonType::number:
        out.token('d', value.number());
        return;

    case JsonType::string:
        out.string(value.string(), value.closing_quote());
        return;

    case JsonType::array:
    case JsonType::object:
        break;
    }

    const bool named = value.is(JsonType::object);

    out.enter(named ? '{' : '[', 0);

    for (auto child = value.first(); child; child = child.next()) {
        if (named) {
            out.token('n', child.name());
        }

        record(out, child);
    }

    out.leave(named ? '}' : ']');
}

// Half of a surrogate pair, escaped: 1 the first, 2 the second, 0 is none.
inline int half_at(std::string_view text, std::size_t at)
{
    constexpr std::string_view kHex = "0123456789abcdefABCDEF";
    constexpr std::string_view kHigh = "89abAB";
    constexpr std::string_view kLow = "cdefCDEF";

    if (text.size() < 6 || at > text.size() - 6 || text[at] != '\\'
        || text[at + 1] != 'u' || (text[at + 2] | 0x20) != 'd'
        || kHex.find(text[at + 4]) == kHex.npos
        || kHex.find(text[at + 5]) == kHex.npos)
    {
        return 0;
    }

    return kHigh.find(text[at + 3]) != kHigh.npos  ? 1
           : kLow.find(text[at + 3]) != kLow.npos ? 2
                                                  : 0;
}

// yajl takes half of a pair for a whole one with whatever follows, or writes
// bytes that are not UTF-8: it is given U+FFFD in its place.
inline std::string without_halves(std::string text)
{
    for (auto at = text.find('\\'); at != text.npos; at = text.find('\\', at))
    {
        const int half = half_at(text, at);

        if (half == 1 && half_at(text, at + 6) == 2) {
            at += 12;

        } else {
            if (half != 0) {
                text.replace(at, 6, "\\ufffd");
            }

            at += 2;
        }
    }

    return text;
}

struct YajlRun {
    yajl_handle handle = nullptr;
    std::size_t max_depth = 0;
    Record      record;

    static YajlRun &of(void *run) { return *static_cast<YajlRun *>(run); }

    static std::string_view view(const unsigned char *text, std::size_t size)
    {
        return {reinterpret_cast<const char *>(text), size};
    }
};

inline yajl_callbacks yajl_recorders()
{
    using Run = YajlRun;
    yajl_callbacks to{};

    to.yajl_null = [](void *run) {
        Run::of(run).record.token('0', {});
        return 1;
    };
    to.yajl_boolean = [](void *run, int value) {
        Run::of(run).record.token(value != 0 ? 't' : 'f', {});
        return 1;
    };
    to.yajl_number = [](void *run, const char *text, std::size_t size) {
        Run::of(run).record.token('d', {text, size});
        return 1;
    };
    to.yajl_string = [](void *run, const unsigned char *text,
                        std::size_t size) {
        Run::of(run).record.string(
            Run::view(text, size),
            yajl_get_bytes_consumed(Run::of(run).handle) - 1);
        return 1;
    };
    to.yajl_map_key = [](void *run, const unsigned char *text,
                         std::size_t size) {
        Run::of(run).record.token('n', Run::view(text, size));
        return 1;
    };
    to.yajl_start_map = [](void *run) {
        return Run::of(run).record.enter('{', Run::of(run).max_depth) ? 1 : 0;
    };
    to.yajl_end_map = [](void *run) {
        Run::of(run).record.leave('}');
        return 1;
    };
    to.yajl_start_array = [](void *run) {
        return Run::of(run).record.enter('[', Run::of(run).max_depth) ? 1 : 0;
    };
    to.yajl_end_array = [](void *run) {
        Run::of(run).record.leave(']');
        return 1;
    };

    return to;
}

inline std::string run_yajl(const std::string &text, std::size_t max_depth)
{
    const yajl_callbacks callbacks = yajl_recorders();
    YajlRun              run;
    run.max_depth = max_depth;

    const std::unique_ptr<yajl_handle_t, void (*)(yajl_handle)> handle(
        yajl_alloc(&callbacks, nullptr, &run), yajl_free);
    run.handle = handle.get();

    const auto *begin = reinterpret_cast<const unsigned char *>(text.data());
    const bool  good =
        yajl_parse(handle.get(), begin, text.size()) == yajl_status_ok
        && yajl_complete_parse(handle.get()) == yajl_status_ok;

    return good ? run.record.text() : "refused";
}

// Where yajl is laxer than RFC 8259 it is not asked: it takes \v and \f for
// blanks, checks UTF-8 loosely, and overlooks the beginning of a string behind
// the value, which it does not within an array.
inline std::string by_yajl(std::string_view bytes, std::size_t max_depth)
{
    const std::string text = without_halves(std::string(bytes));

    if (bytes.find_first_of("\v\f") != bytes.npos || !wire::is_utf8(bytes)
        || run_yajl("[" + text + "]", max_depth + 1) == "refused")
    {
        return "refused";
    }

    return run_yajl(text, max_depth);
}

inline std::string by_us(std::string_view bytes, std::size_t max_depth)
{
    wire::JsonDocument document;
    Record             found;

    if (!document.parse(bytes, max_depth)) {
        return document.root() ? "refused, but kept" : "refused";
    }

    record(found, document.root());

    return found.text();
}

}  // namespace opendify::judge

#endif
