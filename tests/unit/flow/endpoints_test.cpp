#include <gtest/gtest.h>

#include "opendify/endpoint.hpp"

namespace opendify {

namespace {

TEST(Endpoints, FindsTheChat)
{
    for (std::string_view path :
         {"chat/completions", "/chat/completions", "v1/chat/completions",
          "/v1/chat/completions", "v1/chat/completions/"})
    {
        Route route = route_of(path);
        EXPECT_EQ(route.endpoint, Endpoint::chat_completions) << path;
        EXPECT_EQ(route.allow, "POST");
    }
}

TEST(Endpoints, FindsTheCompletions)
{
    for (std::string_view path :
         {"completions", "/completions", "v1/completions", "/v1/completions",
          "v1/completions/"})
    {
        Route route = route_of(path);
        EXPECT_EQ(route.endpoint, Endpoint::completions) << path;
        EXPECT_EQ(route.allow, "POST");
    }
}

TEST(Endpoints, FindsTheModels)
{
    for (std::string_view path :
         {"models", "/models", "v1/models", "models/", "v1/models/"})
    {
        Route route = route_of(path);
        EXPECT_EQ(route.endpoint, Endpoint::models) << path;
        EXPECT_EQ(route.allow, "GET, HEAD");
        EXPECT_EQ(route.model, "");
    }
}

TEST(Endpoints, FindsOneModel)
{
    struct {
        std::string_view path;
        std::string_view model;
    } cases[] = {
        { "models/bot", "bot" },
        { "v1/models/bot/", "bot" },
        { "models/org%2Fapp%20name", "org/app name" },
        { "models/org%2fapp", "org/app" },
        { "models/org/app", "org/app" },
        { "models/%E4%BD%A0", "\xe4\xbd\xa0" },
        { "models/100%", "100%" },
        { "models/100%2", "100%2" },
        { "models/a%zzb", "a%zzb" },
        { "models/a%2", "a%2" },
        { "models/a%25b", "a%b" },
        { "models/a%2525", "a%25" },
        { "models/a%2F", "a/" },
        { "models/a+b", "a+b" },
        { "models/models", "models" },
    };

    for (const auto &row : cases) {
        Route route = route_of(row.path);
        EXPECT_EQ(route.endpoint, Endpoint::model) << row.path;
        EXPECT_EQ(route.model, row.model) << row.path;
        EXPECT_EQ(route.allow, "GET, HEAD");
    }
}

TEST(Endpoints, KnowsNothingElse)
{
    for (std::string_view path :
         {"", "/", "v1", "v1/", "chat", "chat/", "chat/completions/x",
          "chat/completionsx", "completions/x", "Chat/Completions", "modelsx", "v2/models",
          "v1/v1/models", "embeddings", "chat//completions", "models//"})
    {
        Route route = route_of(path);
        EXPECT_EQ(route.endpoint, Endpoint::unknown) << path;
        EXPECT_EQ(route.allow, "");
    }
}

}  // namespace

}  // namespace opendify
