#include <gtest/gtest.h>

#include "opendify/backend.hpp"

namespace opendify {
namespace {

TEST(AppModeName, ThereAndBack)
{
    for (const char *name : {"chat", "agent-chat", "advanced-chat", "agent",
                             "completion", "workflow"}) {
        EXPECT_NE(app_mode_from_name(name), AppMode::unknown) << name;
        EXPECT_EQ(app_mode_name(app_mode_from_name(name)), name);
    }

    EXPECT_EQ(app_mode_from_name("advanced-chat"), AppMode::chatflow);
    EXPECT_EQ(app_mode_from_name("channel"), AppMode::unknown);
    EXPECT_EQ(app_mode_from_name(""), AppMode::unknown);
}

TEST(DecodeInfo, Mode)
{
    const auto info = decode_info(
        R"({"name":"Bot","description":null,"tags":[],"mode":"agent-chat"})");
    ASSERT_TRUE(info);
    EXPECT_EQ(*info, AppMode::agent_chat);
}

TEST(DecodeInfo, BeforeOneFour)
{
    const auto info = decode_info(R"({"name": "Bot", "tags": []})");
    ASSERT_TRUE(info);
    EXPECT_EQ(*info, AppMode::unknown);
}

TEST(DecodeInfo, SomethingElse)
{
    for (const char *body : {"", "<html>", "[]", "{}", "{\"name\":1}",
                             "{\"name\":\"B"}) {
        const auto info = decode_info(body);
        ASSERT_FALSE(info) << body;
        EXPECT_EQ(info.failure().errc, Errc::backend_misconfigured);
    }
}

}  // namespace
}  // namespace opendify
