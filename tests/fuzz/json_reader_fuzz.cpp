// The first byte is the depth, the rest is text. It is read as yajl reads it.
// What was accepted is written as UTF-8 that is accepted again and written the
// same. What is accepted from Python as well is written as JSON.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/json_reader.hpp"
#include "wire/json_writer.hpp"
#include "wire/utf8.hpp"
#include "yajl_judge.hpp"

namespace {

using opendify::wire::JsonDocument;
using opendify::wire::JsonValue;

void expect(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

void ask_everything(JsonValue value)
{
    std::size_t children = 0;

    for (JsonValue child = value.first(); child; child = child.next()) {
        expect(static_cast<bool>(value[child.name()])
               == value.is(opendify::wire::JsonType::object));
        ask_everything(child);
        children++;
    }

    expect(children == value.size());
    expect(opendify::wire::is_utf8(value.string()));
    expect(opendify::wire::is_utf8(value.name()));
    expect(value.integer(1) == value.integer(2)
           || (value.integer(1) == 1 && value.integer(2) == 2));
}

void check_lossy(std::string_view bytes)
{
    JsonDocument document;
    std::string text;

    opendify::wire::write_lossy_string(text, bytes);
    expect(document.parse(text, 1));
    expect(!opendify::wire::is_utf8(bytes)
           || document.root().string() == bytes);
}

void check_python(std::string_view bytes, std::size_t max_depth)
{
    JsonDocument strict;
    JsonDocument python;
    std::string  text;
    std::string  same;

    const bool accepted = strict.parse(bytes, max_depth);

    if (!python.parse_python(bytes, max_depth)) {
        expect(!accepted);
        return;
    }

    python.root().write(text);

    if (accepted) {
        strict.root().write(same);
        expect(text == same);
    }

    expect(strict.parse(text, max_depth));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data,
                                      std::size_t size)
{
    if (size < 1 || size > 4096) {
        return 0;
    }

    const std::size_t max_depth = data[0] % 16;
    const std::string_view bytes(reinterpret_cast<const char *>(data + 1),
                                 size - 1);
    JsonDocument document;

    check_lossy(bytes);
    check_python(bytes, max_depth);
    expect(opendify::judge::by_us(bytes, max_depth)
           == opendify::judge::by_yajl(bytes, max_depth));

    if (!document.parse(bytes, max_depth)) {
        expect(!document.root());
        return 0;
    }

    std::string once;
    ask_everything(document.root());
    document.root().write(once);
    expect(opendify::wire::is_utf8(once));
    expect(document.parse(once, max_depth));

    std::string twice;
    document.root().write(twice);
    expect(once == twice);

    return 0;
}
