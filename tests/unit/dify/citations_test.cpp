// What the golden streams do not show: bounds.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dify/citations.hpp"

namespace opendify {
namespace {

struct Shown : TurnSink {
    void on_event(const TurnEvent &event) override
    {
        urls.push_back(event.citation->url);
    }

    std::vector<std::string> urls;
};

TEST(Citations, Bounded)
{
    std::string many = "[";
    for (int i = 0; i < 500; i++) {
        many += "{\"segment_id\":\"s" + std::to_string(i) + "\"},";
    }

    wire::JsonDocument doc;
    ASSERT_TRUE(doc.parse(many + "0]", 64));

    Shown           shown;
    dify::Citations citations;
    citations.keep_resources(doc.root());
    citations.keep_resources({});
    citations.show(shown);
    ASSERT_EQ(shown.urls.size(), 100u);
    EXPECT_EQ(shown.urls[0], "dify:segment/s0");
}

}  // namespace
}  // namespace opendify
