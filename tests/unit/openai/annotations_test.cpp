#include <gtest/gtest.h>

#include "openai/annotations.hpp"
#include "wire/json_reader.hpp"

namespace opendify::openai {

namespace {

std::string one(const std::string &url, const std::string &title)
{
    return "{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":0,"
           "\"end_index\":0,\"url\":\"" + url + "\",\"title\":\"" + title
           + "\"}}";
}

std::string written(const Annotations &annotations)
{
    std::string out;
    annotations.write(out);

    return out;
}

TEST(Annotations, WritesEachSourceOnce)
{
    Annotations sources;
    EXPECT_TRUE(sources.empty());
    EXPECT_EQ(written(sources), "[]");

    sources.add({"https://kb/1", "Opening \"hours\"", "9 to 18"});
    sources.add({"dify:segment/7", "tarifs.pdf", ""});
    sources.add({"https://kb/1", "Opening \"hours\"", "closed"});

    EXPECT_FALSE(sources.empty());
    EXPECT_EQ(written(sources),
              "[" + one("https://kb/1", "Opening \\\"hours\\\"") + ","
                  + one("dify:segment/7", "tarifs.pdf") + "]");

    sources.clear();
    EXPECT_TRUE(sources.empty());
}

TEST(Annotations, EveryMemberHasAValue)
{
    Annotations sources;
    sources.add({"https://kb/1", "", ""});
    sources.add({"", "nowhere", ""});

    EXPECT_EQ(written(sources), "[" + one("https://kb/1", "https://kb/1")
                                    + "]");
}

TEST(Annotations, AreBounded)
{
    Annotations sources;
    std::string title = "x";

    while (title.size() < 1000) {
        title += "\xe4\xbd\xa0";
    }

    sources.add({std::string(kMaxUrlBytes + 1, 'u'), "too long", ""});
    EXPECT_TRUE(sources.empty());

    for (std::size_t i = 0; i < kMaxCitations + 5; i++) {
        sources.add({"https://kb/" + std::to_string(i), title, ""});
    }

    wire::JsonDocument json;
    ASSERT_TRUE(json.parse(written(sources), 8));
    EXPECT_EQ(json.root().size(), kMaxCitations);
    EXPECT_EQ(json.root().first()["url_citation"]["title"].string(),
              title.substr(0, 256));
}

TEST(Annotations, BytesThatAreNotUtf8BecomeReplacements)
{
    Annotations sources;
    sources.add({"https://kb/\xff", "\xff", ""});

    EXPECT_EQ(written(sources),
              "[" + one("https://kb/\xef\xbf\xbd", "\xef\xbf\xbd") + "]");
}

}  // namespace

}  // namespace opendify::openai
