#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "opendify/backend.hpp"

namespace opendify {
namespace {

TEST(DecodeSuggested, Questions)
{
    const std::string body =
        R"({"result":"success","data":["What is \"next\"?","",7,null,"Why?"]})";
    EXPECT_EQ(decode_suggested(body),
              (std::vector<std::string>{"What is \"next\"?", "Why?"}));

    for (std::size_t i = 0; i < body.size(); i++) {
        EXPECT_TRUE(decode_suggested(body.substr(0, i)).empty());
    }
}

TEST(DecodeSuggested, AnythingElse)
{
    for (const char *body :
         {"", "[]", "7", "<html>", "{}", R"({"data":null})", R"({"data":"x"})",
          R"({"data":{"a":"x"}})", R"(["x"])",
          R"({"code":"bad_request","message":"Suggested Questions Is Disabled)"
          R"(.","status":400})"}) {
        EXPECT_TRUE(decode_suggested(body).empty()) << body;
    }
}

}  // namespace
}  // namespace opendify
