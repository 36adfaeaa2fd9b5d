#include <gtest/gtest.h>

#include "opendify/endpoint.hpp"

namespace opendify {

namespace {

const std::string kBot =
    "{\"id\":\"support-bot\",\"object\":\"model\",\"created\":1790000000,"
    "\"owned_by\":\"dify\"}";
const std::string kOdd =
    "{\"id\":\"a\\\"b\",\"object\":\"model\",\"created\":1,"
    "\"owned_by\":\"dify\"}";

TEST(EncodeModels, ListsModels)
{
    EXPECT_EQ(encode_models({}), "{\"object\":\"list\",\"data\":[]}");
    EXPECT_EQ(encode_models({{"support-bot", 1790000000}}),
              "{\"object\":\"list\",\"data\":[" + kBot + "]}");
    EXPECT_EQ(encode_models({{"support-bot", 1790000000}, {"a\"b", 1}}),
              "{\"object\":\"list\",\"data\":[" + kBot + "," + kOdd + "]}");
}

TEST(EncodeModels, WritesOneModel)
{
    EXPECT_EQ(encode_model({"support-bot", 1790000000}), kBot);
}

}  // namespace

}  // namespace opendify
