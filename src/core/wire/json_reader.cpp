#include "wire/json_reader.hpp"

#include <yajl/yajl_parse.h>

#include <algorithm>
#include <exception>
#include <memory>

#include "wire/utf8.hpp"

namespace opendify::wire {

// Of Dify's smaller events.
constexpr std::size_t kUsualNodes = 16;
constexpr std::size_t kUsualDepth = 4;

// What the yajl callbacks work on.
struct JsonBuilder {
    using Node = JsonDocument::Node;
    static constexpr std::uint32_t kNone = JsonDocument::kNone;

    JsonBuilder(JsonDocument &document, std::size_t depth)
        : doc(document), max_depth(depth)
    {
        open.reserve(kUsualDepth);
    }

    std::uint32_t keep(std::string_view text)
    {
        const auto at = static_cast<std::uint32_t>(doc.bytes_.size());
        doc.bytes_.append(text);
        return at;
    }

    Node &add(JsonType type)
    {
        const auto index = static_cast<std::uint32_t>(doc.nodes_.size());
        doc.nodes_.push_back({ type, false, name_at, name_size, 0, 0, kNone,
                               kNone, kNone, 0, 0 });

        if (!open.empty()) {
            Node &parent = doc.nodes_[open.back()];
            if (parent.last == kNone) {
                parent.first = index;

            } else {
                doc.nodes_[parent.last].next = index;
            }

            parent.last = index;
            parent.count++;
        }

        name_at = 0;
        name_size = 0;

        return doc.nodes_.back();
    }

    Node &scalar(JsonType type, std::string_view text)
    {
        const std::uint32_t at = keep(text);
        Node &node = add(type);
        node.text_at = at;
        node.text_size = static_cast<std::uint32_t>(text.size());

        return node;
    }

    // yajl has just read the token.
    void string(std::string_view text)
    {
        Node &node = scalar(JsonType::string, text);

        if (!mended) {
            node.quote = static_cast<std::uint32_t>(
                yajl_get_bytes_consumed(yajl) - 1);
        }
    }

    void name(std::string_view text)
    {
        name_at = keep(text);
        name_size = static_cast<std::uint32_t>(text.size());
    }

    bool enter(JsonType type)
    {
        if (open.size() >= max_depth) {
            return false;
        }

        const auto index = static_cast<std::uint32_t>(doc.nodes_.size());
        add(type);
        open.push_back(index);

        return true;
    }

    JsonDocument              &doc;
    std::size_t                max_depth;
    yajl_handle                yajl = nullptr;
    bool                       mended = false;
    std::vector<std::uint32_t> open;  // containers around the next value
    std::uint32_t              name_at = 0;
    std::uint32_t              name_size = 0;
    std::exception_ptr         error;  // carried over yajl's C frames
};

namespace {

// Runs a callback's body; 0 makes yajl stop.
template <class F>
int step(void *ctx, F &&body) noexcept
{
    auto *builder = static_cast<JsonBuilder *>(ctx);

    try {
        return body(*builder) ? 1 : 0;

    } catch (...) {
        builder->error = std::current_exception();
        return 0;
    }
}

std::string_view view_of(const unsigned char *text, std::size_t size)
{
    return { reinterpret_cast<const char *>(text), size };
}

int on_null(void *ctx)
{
    return step(ctx, [](JsonBuilder &b) {
        b.add(JsonType::null);
        return true;
    });
}

int on_boolean(void *ctx, int value)
{
    return step(ctx, [value](JsonBuilder &b) {
        b.add(JsonType::boolean).truth = value != 0;
        return true;
    });
}

int on_number(void *ctx, const char *text, std::size_t size)
{
    return step(ctx, [text, size](JsonBuilder &b) {
        b.scalar(JsonType::number, { text, size });
        return true;
    });
}

int on_string(void *ctx, const unsigned char *text, std::size_t size)
{
    return step(ctx, [text, size](JsonBuilder &b) {
        b.string(view_of(text, size));
        return true;
    });
}

int on_name(void *ctx, const unsigned char *text, std::size_t size)
{
    return step(ctx, [text, size](JsonBuilder &b) {
        b.name(view_of(text, size));
        return true;
    });
}

int on_object(void *ctx)
{
    return step(ctx, [](JsonBuilder &b) { return b.enter(JsonType::object); });
}

int on_array(void *ctx)
{
    return step(ctx, [](JsonBuilder &b) { return b.enter(JsonType::array); });
}

int on_end(void *ctx)
{
    return step(ctx, [](JsonBuilder &b) {
        b.open.pop_back();
        return true;
    });
}

// on_number makes yajl hand numbers on as text.
const yajl_callbacks kCallbacks = {
    on_null,   on_boolean, nullptr, nullptr,  on_number, on_string,
    on_object, on_name,    on_end,  on_array, on_end,
};

struct YajlFree {
    void operator()(yajl_handle_t *handle) const { yajl_free(handle); }
};

bool is_hex(char c)
{
    constexpr std::string_view kHex = "0123456789abcdefABCDEF";
    return kHex.find(c) != std::string_view::npos;
}

// 0: no \uXXXX there or no surrogate; 1: a high, 2: a low one.
int surrogate_at(std::string_view text, std::size_t at)
{
    const std::string_view escape = text.substr(std::min(at, text.size()), 6);
    if (escape.size() < 6 || escape.substr(0, 2) != "\\u"
        || (escape[2] | 0x20) != 'd' || !is_hex(escape[4])
        || !is_hex(escape[5]))
    {
        return 0;
    }

    constexpr std::string_view kHigh = "89abAB";
    constexpr std::string_view kLow = "cdefCDEF";

    if (kHigh.find(escape[3]) != std::string_view::npos) {
        return 1;
    }

    return kLow.find(escape[3]) != std::string_view::npos ? 2 : 0;
}

// Where the first half of a surrogate pair without its other half stands,
// from `at` on, which is outside of an escape; npos if there is none.
std::size_t find_lone_surrogate(std::string_view text, std::size_t at)
{
    while ((at = text.find('\\', at)) != std::string_view::npos) {
        switch (surrogate_at(text, at)) {
        case 0:
            at += 2;
            break;

        case 1:
            if (surrogate_at(text, at + 6) != 2) {
                return at;
            }
            at += 12;
            break;

        default:
            return at;
        }
    }

    return at;
}

// yajl would take a lone surrogate for a pair with whatever follows, or write
// bytes that are not UTF-8. It is replaced by U+FFFD beforehand.
std::string_view mend_surrogates(std::string_view text, std::string &mended)
{
    std::size_t at = find_lone_surrogate(text, 0);
    if (at == std::string_view::npos) {
        return text;
    }

    mended.assign(text);
    while (at != std::string_view::npos) {
        mended.replace(at, 6, "\\ufffd");
        at = find_lone_surrogate(mended, at + 6);
    }

    return mended;
}

}  // namespace

JsonDocument::JsonDocument() = default;

JsonDocument::~JsonDocument() = default;

bool JsonDocument::parse(std::string_view text, std::size_t max_depth)
{
    nodes_.clear();
    bytes_.clear();

    // Node counts and offsets have 32 bits; yajl checks UTF-8 loosely.
    if (text.size() >= kNone || !is_utf8(text)) {
        return false;
    }

    bytes_.reserve(text.size());
    nodes_.reserve(kUsualNodes);

    std::string mended;
    text = mend_surrogates(text, mended);

    JsonBuilder builder(*this, max_depth);
    const std::unique_ptr<yajl_handle_t, YajlFree> yajl(
        yajl_alloc(&kCallbacks, nullptr, &builder));
    if (yajl == nullptr) {
        return false;
    }

    builder.yajl = yajl.get();
    builder.mended = text.data() == mended.data();
    yajl_config(yajl.get(), yajl_dont_validate_strings, 1);

    const auto *bytes = reinterpret_cast<const unsigned char *>(text.data());
    const bool good =
        yajl_parse(yajl.get(), bytes, text.size()) == yajl_status_ok
        && yajl_complete_parse(yajl.get()) == yajl_status_ok;

    if (!good) {
        nodes_.clear();
    }

    if (builder.error != nullptr) {
        std::rethrow_exception(builder.error);
    }

    return good && !nodes_.empty();
}

JsonValue JsonDocument::root() const
{
    return nodes_.empty() ? JsonValue() : JsonValue(this, 0);
}

std::string_view JsonDocument::text(std::uint32_t index) const
{
    const Node &node = nodes_[index];
    return std::string_view(bytes_).substr(node.text_at, node.text_size);
}

JsonValue JsonDocument::at(std::uint32_t index) const
{
    return index == kNone ? JsonValue() : JsonValue(this, index);
}

}  // namespace opendify::wire
