#include <gtest/gtest.h>

#include "opendify/endpoint.hpp"

namespace opendify {

namespace {

struct Case {
    std::string_view path, prefix, right, other;
};

TEST(Endpoints, FindsTheRouteBehindThePrefix)
{
    const Case cases[] = {
        { "/v1/chat/completions", "/v1/", "/v1/chat/completions", "" },
        { "/v1/chat/completions", "/v1", "/v1/chat/completions", "" },
        { "/a/v1/chat/completions", "/a/v1/", "/a/v1/chat/completions", "" },
        { "/a/chat/completions", "/a/", "/a/chat/completions",
          "/a/v1/chat/completions" },
        { "/a/v1/chat/completions", "/a/", "/a/v1/chat/completions",
          "/a/chat/completions" },
        { "/a/chat/completions", "/a", "/a/chat/completions",
          "/a/v1/chat/completions" },
        { "/chat/completions", "/", "/chat/completions",
          "/v1/chat/completions" },
        { "/v1/chat/completions", "/", "/v1/chat/completions",
          "/chat/completions" },
    };

    for (const auto &row : cases) {
        Route route = route_of(row.path, row.prefix);
        EXPECT_EQ(route.endpoint, Endpoint::chat_completions) << row.path;
        EXPECT_EQ(route.allow, "POST");
        EXPECT_EQ(route.path, row.right) << row.path;
        EXPECT_EQ(route.other, row.other) << row.path;
        EXPECT_EQ(route.versioned,
                  !row.other.empty() && row.right.size() > row.other.size());
    }
}

TEST(Endpoints, FindsTheRouteWithoutAPrefix)
{
    const Case cases[] = {
        { "/v1/completions", "", "/v1/completions", "" },
        { "/try/v1/completions", "", "/try/v1/completions", "" },
        { "/br/v1/completions", "/elsewhere/", "/br/v1/completions", "" },
        { "/api/completions", "", "/api/completions", "/api/v1/completions" },
        { "/a/b/completions", "", "/a/b/completions", "/a/b/v1/completions" },
        { "/completions", "", "/completions", "/v1/completions" },
    };

    for (const auto &row : cases) {
        Route route = route_of(row.path, row.prefix);
        EXPECT_EQ(route.endpoint, Endpoint::completions) << row.path;
        EXPECT_EQ(route.path, row.right) << row.path;
        EXPECT_EQ(route.other, row.other) << row.path;
    }

    // A prefix that reaches into the route.
    for (std::string_view prefix :
         {"/v1/chat", "/v1/chat/", "/v1/chat/completions"})
    {
        EXPECT_EQ(route_of("/v1/chat/completions", prefix).endpoint,
                  Endpoint::chat_completions)
            << prefix;
    }

    EXPECT_EQ(route_of("/x/models/a/b", "").model, "a/b");
    EXPECT_EQ(route_of("/x/models", "").endpoint, Endpoint::models);
    EXPECT_EQ(route_of("/x/chat/completions", "").endpoint,
              Endpoint::chat_completions);
}

TEST(Endpoints, HasOnePathForARoute)
{
    for (std::string_view path :
         {"/v1/chat/completions/", "/v1/v1/chat/completions",
          "/v1//chat/completions", "//v1/chat///completions//",
          "/v1/v1/chat/completions/"})
    {
        for (std::string_view prefix : {"/v1/", "/v1", ""}) {
            Route route = route_of(path, prefix);
            EXPECT_EQ(route.endpoint, Endpoint::chat_completions) << path;
            EXPECT_EQ(route.path, "/v1/chat/completions") << path;
            EXPECT_EQ(route.other, "") << path;
        }
    }

    EXPECT_EQ(route_of("/v1/models/bot/", "/v1/").path, "/v1/models/bot");
    EXPECT_EQ(route_of("/v1/models//", "/v1/").path, "/v1/models");
}

TEST(Endpoints, FindsTheModels)
{
    Route route = route_of("/v1/models", "/v1/");

    EXPECT_EQ(route.endpoint, Endpoint::models);
    EXPECT_EQ(route.allow, "GET, HEAD");
    EXPECT_EQ(route.model, "");
}

TEST(Endpoints, FindsOneModel)
{
    for (std::string_view model :
         {"bot", "org/app name", "\xe4\xbd\xa0", "100%", "a%2Fb", "a+b",
          "models", "v1/models", "chat/completions"})
    {
        Route route = route_of("/v1/models/" + std::string(model), "/v1/");
        EXPECT_EQ(route.endpoint, Endpoint::model) << model;
        EXPECT_EQ(route.model, model);
        EXPECT_EQ(route.allow, "GET, HEAD");
    }
}

TEST(Endpoints, KnowsNothingElse)
{
    for (std::string_view path :
         {"/v1/", "/v1", "/v1/v1", "/v1/chat", "/v1/chat/",
          "/v1/chat/completions/x", "/v1/chat/completionsx",
          "/v1/completions/x", "/v1/Chat/Completions", "/v1/modelsx",
          "/v1/v2/models", "/v1/v1/v1/models", "/v1/embeddings",
          "/v1/x/chat/completions", "/v1/x/v1/chat/completions",
          "/v1/chat/v1/completions"})
    {
        for (std::string_view prefix : {"/v1/", "/v1", ""}) {
            Route route = route_of(path, prefix);
            EXPECT_EQ(route.endpoint, Endpoint::unknown)
                << path << " " << prefix;
            EXPECT_EQ(route.allow, "");
            EXPECT_EQ(route.path, "");
        }
    }

    for (std::string_view path : {"", "/", "x", "/ax/chat/completions"}) {
        EXPECT_EQ(route_of(path, "/a").endpoint, Endpoint::unknown) << path;
    }
}

TEST(Endpoints, TellsWhatToSend)
{
    EXPECT_EQ(target_to_send("/v1/models", "/v1/models/",
                             "/v1/models/?a=%0D&b=c?d", false),
              "/v1/models?a=%0D&b=c?d");
    EXPECT_EQ(target_to_send("/v1/models/a b%\r\n\\", "/v1/models/a b%\r\n\\/",
                           "", false),
              "/v1/models/a%20b%25%0D%0A%5C");

    // Rewritten: the end of what was sent is changed.
    EXPECT_EQ(target_to_send("/v1/completions", "/v1/completions/",
                           "/openai/v1/completions/", true),
              "/openai/v1/completions");
    EXPECT_EQ(target_to_send("/v1/completions", "/v1/v1/completions",
                           "/openai/v1/v1/completions", true),
              "/openai/v1/completions");
    EXPECT_EQ(target_to_send("/v1/completions", "/v1/completions/",
                           "//evil.example/v1/completions/", true),
              "/evil.example/v1/completions");
    EXPECT_EQ(target_to_send("/v1/completions", "/v1/completions/",
                           "/\\evil.example/v1/completions/", true),
              "");
    EXPECT_EQ(target_to_send("/v1/completions", "/v1/completions/", "/ask",
                           true),
              "");
}

}  // namespace

}  // namespace opendify
