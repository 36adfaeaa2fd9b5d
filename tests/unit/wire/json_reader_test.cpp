#include "wire/json_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "unit/page_end.hpp"
#include "yajl_judge.hpp"

namespace opendify::wire {
namespace {

constexpr std::size_t kDepth = 64;

std::string rewritten(std::string_view text)
{
    JsonDocument doc;

    if (!doc.parse(text, kDepth)) {
        return "refused";
    }

    std::string out;
    doc.root().write(out);

    return out;
}

TEST(JsonReader, ReadsEveryType)
{
    JsonDocument doc;
    ASSERT_TRUE(doc.parse(R"({"n":null,"t":true,"f":false,"i":-3,
        "s":"x","a":[1,"2"],"o":{"k":"v"}})", kDepth));
    const JsonValue root = doc.root();

    EXPECT_TRUE(root.is(JsonType::object));
    EXPECT_EQ(root.size(), 7u);
    EXPECT_TRUE(root["n"]);
    EXPECT_TRUE(root["n"].is(JsonType::null));
    EXPECT_TRUE(root["n"].is_null_or_missing());
    EXPECT_TRUE(root["t"].boolean(false));
    EXPECT_FALSE(root["f"].boolean(true));
    EXPECT_EQ(root["i"].number(), "-3");
    EXPECT_EQ(root["s"].string(), "x");
    EXPECT_EQ(root["a"].size(), 2u);
    EXPECT_EQ(root["a"].first().integer(0), 1);
    EXPECT_EQ(root["a"].first().next().string(), "2");
    EXPECT_FALSE(root["a"].first().next().next());
    EXPECT_EQ(root["o"]["k"].string(), "v");
    EXPECT_EQ(root["o"].first().name(), "k");
}

TEST(JsonReader, MissingAnswersNo)
{
    JsonDocument doc;
    EXPECT_FALSE(doc.root());
    ASSERT_TRUE(doc.parse(R"({"s":"x"})", kDepth));
    const JsonValue missing = doc.root()["no"]["way"];

    EXPECT_FALSE(missing);
    EXPECT_FALSE(missing.is(JsonType::null));
    EXPECT_TRUE(missing.is_null_or_missing());
    EXPECT_EQ(missing.string(), "");
    EXPECT_EQ(missing.number(), "");
    EXPECT_EQ(missing.name(), "");
    EXPECT_EQ(missing.size(), 0u);
    EXPECT_EQ(missing.integer(7), 7);
    EXPECT_TRUE(missing.boolean(true));
    EXPECT_FALSE(missing.first());
    EXPECT_FALSE(missing.next());
}

TEST(JsonReader, WrongTypeAnswersEmpty)
{
    JsonDocument doc;
    ASSERT_TRUE(doc.parse(R"({"s":"1","n":1})", kDepth));
    const JsonValue root = doc.root();

    EXPECT_EQ(root["s"].number(), "");
    EXPECT_EQ(root["s"].integer(5), 5);
    EXPECT_EQ(root["n"].string(), "");
    EXPECT_TRUE(root["n"].boolean(true));
    EXPECT_FALSE(root["n"]["x"]);
    EXPECT_FALSE(root["s"].first());
}

TEST(JsonReader, LastMemberOfANameWins)
{
    JsonDocument doc;
    ASSERT_TRUE(doc.parse(R"({"a":1,"b":2,"a":3,"":4})", kDepth));
    EXPECT_EQ(doc.root()["a"].integer(0), 3);
    EXPECT_EQ(doc.root()["b"].integer(0), 2);
    EXPECT_EQ(doc.root()[""].integer(0), 4);
}

TEST(JsonReader, KeepsTheTextOfNumbers)
{
    const std::string_view text =
        "[0,-0,1.50,1e400,123456789012345678901234567890,1E-2]";
    EXPECT_EQ(rewritten(text), text);
}

TEST(JsonReader, KnowsIntegers)
{
    struct Case {
        const char  *text;
        std::int64_t value;
    };

    const std::vector<Case> cases = {
        { "0", 0 }, { "-0", 0 }, { "0.000", 0 }, { "0e999999999999", 0 },
        { "0e-99999999999999999999999", 0 },
        { "3", 3 }, { "3.0", 3 }, { "3e0", 3 }, { "-3.00e0", -3 },
        { "1.5e1", 15 }, { "0.05E2", 5 }, { "1200e-2", 12 }, { "1E+3", 1000 },
        { "1020", 1020 }, { "100.20e2", 10020 },
        { "9223372036854775807", INT64_MAX },
        { "-9223372036854775808", INT64_MIN },
        { "92233720368547758070e-1", INT64_MAX },
        // not integral, or too large
        { "0.5", 77 }, { "1e-1", 77 }, { "1.25e1", 77 }, { "10e-2", 77 },
        { "9223372036854775808", 77 }, { "-9223372036854775809", 77 },
        { "1e19", 77 }, { "1e999999999999999999999", 77 },
        { "18446744073709551617", 77 },
        { "1e-999999999999999999999", 77 },
    };

    for (const Case &c : cases) {
        JsonDocument doc;
        ASSERT_TRUE(doc.parse(c.text, kDepth)) << c.text;
        EXPECT_EQ(doc.root().integer(77), c.value) << c.text;
    }
}

TEST(JsonReader, RefusesWhatIsNotOneValue)
{
    for (const std::string_view text :
         { "", " ", "{", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "1 2",
           "{} x", "{}{}", "{}\"", "{} \"a", "tru", "\"",
           "\"a", "'a'", "[1]]", "01", "+1", ".5", "1.", "1e", "-", "NaN", "// c\n1", "/* c */1", "\"a\nb\"",
           "\"\\x\"", "\"\\u12g4\"", "\xef\xbb\xbf{}" })
    {
        EXPECT_EQ(rewritten(text), "refused") << text;
    }

    EXPECT_EQ(rewritten(std::string_view("{}\0", 3)), "refused");
    EXPECT_EQ(rewritten(std::string_view("\"a\0\"", 4)), "refused");
}

TEST(JsonReader, RefusesOtherBlanks)
{
    for (const std::string_view text :
         { "\v1", "1\f", "[1\v]", "\xc2\xa0" "1", "\x1f" "1", "1\xef\xbb\xbf" })
    {
        EXPECT_EQ(rewritten(text), "refused") << text;
    }

    EXPECT_EQ(rewritten("\t\n\r 1 \r\n\t"), "1");
}

// Each is read as yajl reads it, alone and within an array and an object.
TEST(JsonReader, JudgesAsYajl)
{
    using std::string_literals::operator""s;

    for (const std::string &text : {
             // numbers
             "-0"s, "-"s, "-a"s, "--1"s, "0x10"s, "00"s, "-01"s, "0.0"s,
             "0e0"s, "0e"s, "0e+"s, "1E-05"s, "-0.0e-0"s, "1.5.5"s, "1e5e5"s,
             "1.e1"s, "1e5.0"s, "1e99999"s, "Infinity"s, "1 2"s, "1\0"s,
             // words
             "true"s, "false"s, "null"s, "True"s, "nul"s, "truefalse"s,
             "true1"s, "1true"s, "nullnull"s, "\0"s,
             // strings
             R"("")"s, "\"\x7f\""s, R"("\/")"s, R"("\a")"s, R"("\v")"s,
             R"("\0")"s, R"("\'")"s, R"("\B")"s, R"("\U0041")"s,
             R"("\u0000")"s, R"("\u00")"s, R"("\u+123")"s, R"("\u 123")"s,
             R"("\)"s, R"("\")"s, R"("\u)"s, R"("\u123)"s, R"("\uD7FF")"s,
             R"("\ue000")"s, R"("\uffff")"s, R"("\u007f\u0080\u07fF")"s,
             R"("\ud83d\ude00")"s, R"("\udbff\uDFFF")"s, R"("\ud83d\")"s,
             R"("\ud83d\u")"s, R"("\uD83D\uDE0")"s, R"("\ud83d\u12g4")"s,
             R"("\ud800\ud800\udc00")"s, R"("\\ud83d")"s, R"("a""b")"s,
             "\"\xef\xbf\xbf\""s, "\"\xe4\xbd\\n\xa0\""s, "\"a\x1f\""s,
             // containers
             "[]"s, "{}"s, "[ ]"s, "{ }"s, "[,]"s, "{,}"s, "[1,]"s, "[,1]"s,
             "[1,,2]"s, "[}"s, "{]"s, "[1}"s, R"({"a":1])"s, "]"s, "}"s, ","s,
             ":"s, R"({"a" 1})"s, R"({"a"::1})"s, R"({"a":1 "b":2})"s,
             R"({"a":1,})"s, R"({"a":1,"b"})"s, R"({"a":1,b:2})"s, "{1:2}"s,
             "{null:1}"s, "{[]:1}"s, R"({"":1})"s, R"({"a":1,"a":2})"s,
             R"({"a":[1,{"b":[]},"c"],"d":{}})"s, R"({"a":1}})"s,
             // comments
             "/"s, "#"s, "[1]//"s, "/**/1"s,
         })
    {
        for (const std::string &whole :
             { text, "[" + text + "]", "[1, " + text + " ,2]",
               "{\"k\":" + text + "}", "{" + text + ":1}" })
        {
            const PageEnd page(whole);

            EXPECT_EQ(judge::by_us(page.view(), kDepth),
                      judge::by_yajl(whole, kDepth))
                << whole;
        }
    }
}

// Every beginning of a text, and the text with one byte changed or one more.
TEST(JsonReader, JudgesWhatIsBrokenAsYajl)
{
    const std::string text =
        R"( {"event":"message_end","id":"a\n\"\u00e9\ud83d\ude00\\","n":[-1.5e+3,)"
        R"(0,true,false,null, {"\u0061":{}}],"é":"bé 你 \ud83d"}   )";
    const std::string others("\"\\{}[]:,.0e-u \n\x80\xe4\0", 19);

    for (std::size_t at = 0; at <= text.size(); at++) {
        std::vector<std::string> broken = { text.substr(0, at) };

        for (const char other : others) {
            broken.push_back(std::string(text).insert(at, 1, other));
            broken.push_back(text);
            broken.back().replace(at, 1, 1, other);
        }

        for (const std::string &whole : broken) {
            ASSERT_EQ(judge::by_us(whole, kDepth),
                      judge::by_yajl(whole, kDepth))
                << whole;
        }
    }
}

TEST(JsonReader, RefusesWhatIsNotUtf8)
{
    for (const std::string_view text :
         { "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xe4\xbd\"",
           "\"\xf4\x90\x80\x80\"", "{\"\x80\":1}" })
    {
        EXPECT_EQ(rewritten(text), "refused") << text;
    }

    EXPECT_EQ(rewritten("\"\xe4\xbd\xa0\""), "\"\xe4\xbd\xa0\"");
}

TEST(JsonReader, UnescapesStrings)
{
    JsonDocument doc;
    ASSERT_TRUE(doc.parse(R"("\"\\\/\b\f\n\r\t\u0041\u4f60\uD83D\uDE00\u0000.")",
                          kDepth));
    EXPECT_EQ(doc.root().string(),
              std::string_view("\"\\/\b\f\n\r\tA\xe4\xbd\xa0"
                               "\xf0\x9f\x98\x80\0.", 18));
}

TEST(JsonReader, ReplacesLoneSurrogates)
{
    EXPECT_EQ(rewritten(R"("\ud83dx")"), "\"\xef\xbf\xbdx\"");
    EXPECT_EQ(rewritten(R"("\ude00x")"), "\"\xef\xbf\xbdx\"");
    EXPECT_EQ(rewritten(R"("\ud83d")"), "\"\xef\xbf\xbd\"");
    EXPECT_EQ(rewritten(R"("\ud83d\n")"), "\"\xef\xbf\xbd\\n\"");
    EXPECT_EQ(rewritten(R"("\ud83d\u0041")"), "\"\xef\xbf\xbd" "A\"");
    EXPECT_EQ(rewritten(R"("\ud83d\ud83d\ude00")"),
              "\"\xef\xbf\xbd\xf0\x9f\x98\x80\"");
    EXPECT_EQ(rewritten(R"({"\udbff":"\\ud83d"})"),
              "{\"\xef\xbf\xbd\":\"\\\\ud83d\"}");
    // No escape at all: it must not be mended into one.
    EXPECT_EQ(rewritten("[\"\\ud8\",\"x\"]"), "refused");
    EXPECT_EQ(rewritten("\"\\ud83\""), "refused");
    EXPECT_EQ(rewritten("\"\\ud83d"), "refused");
}

TEST(JsonReader, BoundsTheDepth)
{
    JsonDocument doc;

    EXPECT_TRUE(doc.parse("1", 0));
    EXPECT_FALSE(doc.parse("[]", 0));
    EXPECT_TRUE(doc.parse("[[],{}]", 2));
    EXPECT_FALSE(doc.parse("[[],{}]", 1));
    EXPECT_FALSE(doc.root());
    EXPECT_TRUE(doc.parse(R"({"a":[{"b":1}]})", 3));
    EXPECT_FALSE(doc.parse(R"({"a":[{"b":[]}]})", 3));

    const std::string deep(1000000, '[');
    EXPECT_FALSE(doc.parse(deep, kDepth));
}

TEST(JsonReader, WritesCompactText)
{
    EXPECT_EQ(rewritten(" { \"a\" : [ ] , \"b\" : { } , \"c\" : [ true ,\n"
                        " null , { \"d\\n\" : \"\\u00e4\" } ] } "),
              "{\"a\":[],\"b\":{},\"c\":[true,null,{\"d\\n\":\"\xc3\xa4\"}]}");
}

TEST(JsonReader, WritesPartsOfADocument)
{
    JsonDocument doc;
    ASSERT_TRUE(doc.parse(R"({"a":{"b":[1,2]},"c":3})", kDepth));
    std::string out = "x";
    doc.root()["a"].write(out);
    EXPECT_EQ(out, R"(x{"b":[1,2]})");
}

TEST(JsonReader, IsReused)
{
    JsonDocument doc;
    ASSERT_TRUE(doc.parse(R"({"a":"long enough for the heap"})", kDepth));
    ASSERT_FALSE(doc.parse("{", kDepth));
    EXPECT_FALSE(doc.root());
    ASSERT_TRUE(doc.parse(R"({"b":"y"})", kDepth));
    EXPECT_FALSE(doc.root()["a"]);
    EXPECT_EQ(doc.root()["b"].string(), "y");
}

TEST(JsonReader, DoesNotNeedTheTextAfterwards)
{
    JsonDocument doc;
    std::string text = R"({"a":"value","n":12})";
    ASSERT_TRUE(doc.parse(text, kDepth));
    text.assign(text.size(), '!');
    EXPECT_EQ(doc.root()["a"].string(), "value");
    EXPECT_EQ(doc.root()["n"].number(), "12");
}

}  // namespace
}  // namespace opendify::wire
