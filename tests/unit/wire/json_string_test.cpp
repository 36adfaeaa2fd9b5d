#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "wire/json_reader.hpp"
#include "wire/json_string.hpp"

namespace opendify::wire {
namespace {

using std::string_literals::operator""s;

struct Read {
    std::size_t size;
    std::string text;
    bool        plain;
};

Read read(std::string_view bytes)
{
    std::string     unescaped;
    const JsonToken token = read_token(bytes, unescaped);

    return {token.size, std::string(token.text), token.plain};
}

std::string document_text(std::string_view token)
{
    JsonDocument document;

    return document.parse("\"" + std::string(token) + "\"", 1)
               ? std::string(document.root().string())
               : "(no JSON)";
}

TEST(JsonString, ReadsWhatADocumentReads)
{
    for (const std::string &token : {
             ""s, "a"s, "a b\x7f"s, "\xe4\xbd\xa0\xe5\xa5\xbd"s,
             "\xf0\x9f\x98\x80"s, "\\n"s, "a\\\"b\\\\"s,
             "\\/\\b\\f\\n\\r\\t"s, "\\u0041\\u00e9\\u4f60\\uFFFD\\uff5e"s,
             "\\u0001\\u001f\\u007f\\u0080\\u07ff\\u0800\\ud7ff\\ue000"s,
             "x\xc3\xa9\\n\xc3\xa9y"s, "\\u0000"s, "\\ud83d\\ude00"s,
         })
    {
        const Read found = read(token + "\",\"b\":1}");

        EXPECT_EQ(found.size, token.size()) << token;
        EXPECT_EQ(found.text, document_text(token)) << token;
    }
}

TEST(JsonString, KnowsWhatNeedsNoEscapesAndIsNoMarkup)
{
    for (const std::string &token : {
             ""s, "a b\x7f"s, "\xe4\xbd\xa0"s, "\\/"s, "\\u4f60\\u00e9x"s,
         })
    {
        EXPECT_TRUE(read(token + "\"").plain) << token;
    }

    for (const std::string &token : {
             "\\n"s, "a\\\""s, "\\\\"s, "\\u4f60\\t"s, "\\u0001"s, "\\u0022"s,
             "a<"s, ">"s, "`b`"s, "~"s, "[1](u)"s, "\xe4\xbd\xa0<"s,
             "\\u003c"s, "\\u4f60]"s, "\xc3\xa9\\u0060"s,
         })
    {
        EXPECT_NE(read(token + "\"").size, std::string::npos) << token;
        EXPECT_FALSE(read(token + "\"").plain) << token;
    }
}

TEST(JsonString, RefusesWhatIsNoToken)
{
    for (const std::string &bytes : {
             ""s, "no end"s, "no end\\"s, "a\\\""s, "a\nb\""s, "a\0b\""s,
             "\\x\""s, "\\u12\""s, "\\u12g4\""s, "\\u+123\""s, "\\u-123\""s,
             "\\u0x41\""s, "\\u 041\""s, "\\U0041\""s,
             "\\ud83d\\ude0\""s, "\xff\""s, "\xc3\""s,
             "\xed\xa0\x80\""s, "\xc0\x80\""s, "\\n\xc3\""s, "\\n\x01\""s,
         })
    {
        EXPECT_EQ(read(bytes).size, std::string::npos) << bytes;
    }
}

}  // namespace
}  // namespace opendify::wire
