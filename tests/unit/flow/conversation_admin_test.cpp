#include "opendify/conversation_admin.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "opendify/endpoint.hpp"

namespace opendify {
namespace {

constexpr std::uint32_t kNow = 1000000000;
constexpr std::uint32_t kTtl = 1000;

Digest digest(std::string_view name)
{
    return digest_of({ name });
}

Result<ConversationAdmin> read(std::string_view method, std::string_view path,
                               std::string_view args = {},
                               std::string_view body = {})
{
    return ConversationAdmin::read({ method, path, args, body, "client", kNow,
                                     kTtl, 100 },
                                   { { "bot", digest("key") },
                                     { "same", digest("key") },
                                     { "flow", digest("other key") } });
}

ConversationEntry entry(std::string_view id, std::string_view key,
                        std::uint32_t used_s, bool has_head = true)
{
    ConversationEntry made;
    EXPECT_TRUE(made.id.assign(id));
    made.owner = ConversationOwner::of("u", digest(key));
    made.used_s = used_s;
    made.has_head = has_head;
    return made;
}

std::uint32_t until(std::string_view args)
{
    return read("DELETE", "", args)->filter().used_until_s.value();
}

int status(std::string_view method, std::string_view path,
           std::string_view args = {}, std::string_view body = {})
{
    auto admin = read(method, path, args, body);
    return admin ? 200 : error_head(admin.failure().errc).status;
}

TEST(ConversationAdmin, ListIsJson)
{
    auto admin = read("GET", "/");
    ASSERT_TRUE(admin);
    EXPECT_EQ(admin->task(), AdminTask::show);
    EXPECT_EQ(admin->room(), 100u);
    admin->add(entry("a\"b", "key", 5));
    admin->add(entry("c", "other key", 6, false));
    admin->add(entry("d", "a key that is gone", 7));
    EXPECT_EQ(
        *admin->reply(33, false, 9),
        "{\"object\":\"list\",\"data\":["
        "{\"conversation_id\":\"a\\\"b\",\"model\":\"bot\",\"used_at\":5,"
        "\"has_head\":true},"
        "{\"conversation_id\":\"c\",\"model\":\"flow\",\"used_at\":6,"
        "\"has_head\":false},"
        "{\"conversation_id\":\"d\",\"model\":null,\"used_at\":7,"
        "\"has_head\":true}],\"count\":3,\"total\":9,"
        "\"next_cursor\":\"33\"}");
    EXPECT_NE(admin->reply(33, true, 9)->find("\"next_cursor\":null}"),
              std::string::npos);
}

TEST(ConversationAdmin, RoomEnds)
{
    auto admin = read("GET", "", "limit=2&cursor=7");
    ASSERT_TRUE(admin);
    EXPECT_EQ(admin->begin(), 7u);
    EXPECT_EQ(admin->room(), 2u);
    admin->add(entry("a", "key", 5));
    admin->add(entry("b", "key", 5));
    EXPECT_EQ(admin->room(), 0u);
}

TEST(ConversationAdmin, ArgumentsBecomeAFilter)
{
    auto admin = read("GET", "", "user=a%20b%26c&model=flow&older_than=60");
    ASSERT_TRUE(admin);
    const auto owner = ConversationOwner::of("a b&c", digest("other key"));
    EXPECT_EQ(admin->filter().user, owner.user);
    EXPECT_EQ(admin->filter().app, owner.app);
    EXPECT_EQ(admin->filter().used_until_s, kNow - 60);
    EXPECT_FALSE(admin->filter().id);
}

TEST(ConversationAdmin, Ages)
{
    EXPECT_EQ(until("older_than=1"), kNow - 1);
    EXPECT_EQ(until("older_than=1s"), kNow - 1);
    EXPECT_EQ(until("older_than=2m"), kNow - 120);
    EXPECT_EQ(until("older_than=3h"), kNow - 3 * 3600);
    EXPECT_EQ(until("older_than=30d"), kNow - 30 * 86400);
    EXPECT_EQ(until("older_than=2w"), kNow - 14 * 86400);
    // Also what a clock that went back has left in the future.
    EXPECT_EQ(until("older_than=0"), 0xffffffffu);
    EXPECT_EQ(until("older_than=4294967295w"), 0u);

    for (const char *age : { "", "d", "-1", "1y", "1 d", "4294967296", "1.5h",
                             "99999999999999999999999999" })
    {
        EXPECT_EQ(status("GET", "", "older_than=" + std::string(age)), 400)
            << age;
    }
}

TEST(ConversationAdmin, OneIsTheNewestOfItsId)
{
    for (const char *path : { "some-id", "/some-id/", "some%2Did" }) {
        auto admin = read("GET", path);
        ASSERT_TRUE(admin) << path;
        EXPECT_EQ(admin->filter().id->view(), "some-id");
    }

    auto admin = read("GET", "some-id");
    EXPECT_EQ(admin->reply(0, true, 1).failure().errc,
              Errc::conversation_not_found);
    admin->add(entry("some-id", "key", 5));
    admin->add(entry("some-id", "other key", 7));
    admin->add(entry("some-id", "key", 6));
    EXPECT_EQ(*admin->reply(0, true, 1),
              "{\"conversation_id\":\"some-id\",\"model\":\"flow\","
              "\"used_at\":7,\"has_head\":true}");
}

TEST(ConversationAdmin, RemovalsAreCounted)
{
    auto one = read("DELETE", "some-id");
    ASSERT_TRUE(one);
    EXPECT_EQ(one->task(), AdminTask::remove);
    EXPECT_FALSE(one->reply(0, true, 1));
    one->add(entry("some-id", "key", 5));
    EXPECT_EQ(*one->reply(0, true, 1), "{\"deleted\":1}");

    auto many = read("DELETE", "", "model=bot");
    ASSERT_TRUE(many);
    EXPECT_EQ(*many->reply(0, true, 1), "{\"deleted\":0}");
    EXPECT_GT(many->room(), 1u << 31);
}

TEST(ConversationAdmin, AsOpenDifyHadIt)
{
    for (const char *path : { "mappings", "v1/conversation/mappings" }) {
        auto admin = read("GET", path);
        ASSERT_TRUE(admin) << path;
        EXPECT_EQ(*admin->reply(0, true, 0),
                  "{\"mapping_count\":0,\"oldest_mapping\":null,"
                  "\"newest_mapping\":null,\"timestamp\":1000000000}");
        admin->add(entry("a", "key", 6));
        admin->add(entry("b", "key", 5));
        admin->add(entry("c", "key", 7));
        EXPECT_EQ(*admin->reply(0, true, 3),
                  "{\"mapping_count\":3,\"oldest_mapping\":5,"
                  "\"newest_mapping\":7,\"timestamp\":1000000000}");
    }

    auto admin = read("POST", "conversation/cleanup");
    ASSERT_TRUE(admin);
    EXPECT_EQ(admin->task(), AdminTask::remove);
    EXPECT_EQ(admin->filter().used_until_s, kNow - 30 * 86400);
    EXPECT_EQ(read("POST", "cleanup", "", "{\"max_age_days\":2}")
                  ->filter()
                  .used_until_s,
              kNow - 2 * 86400);
    EXPECT_EQ(status("POST", "cleanup", "", "[]"), 400);
    EXPECT_EQ(status("POST", "cleanup", "", "{\"max_age_days\":0.5}"), 400);
}

TEST(ConversationAdmin, RemovalsAtTheBackendAreToldOneByOne)
{
    auto admin = read("DELETE", "", "user=u&dify=true&cursor=4");
    ASSERT_TRUE(admin);
    EXPECT_EQ(admin->task(), AdminTask::remove_at_backend);
    EXPECT_EQ(admin->user(), "u");
    EXPECT_EQ(admin->begin(), 4u);
    EXPECT_EQ(admin->room(), 100u);
    EXPECT_EQ(admin->model_of(entry("a", "other key", 5)), "flow");
    EXPECT_EQ(admin->model_of(entry("a", "a key that is gone", 5)), "");
    admin->add(entry("a", "key", 5));
    admin->fail(entry("b\"", "key", 5),
                { Errc::backend_timeout, "No \"answer\".", {}, {} });
    EXPECT_EQ(admin->room(), 98u);
    EXPECT_EQ(*admin->reply(6, false, 9),
              "{\"deleted\":1,\"failed\":[{\"conversation_id\":\"b\\\"\","
              "\"code\":\"backend_timeout\","
              "\"message\":\"No \\\"answer\\\".\"}],"
              "\"next_cursor\":\"6\"}");

    // It was found, if not deleted.
    auto one = read("DELETE", "some-id", "user=u&dify=true");
    ASSERT_TRUE(one);
    EXPECT_FALSE(one->reply(0, true, 1));
    one->fail(entry("some-id", "key", 5), conversation_not_found());
    EXPECT_TRUE(one->reply(0, true, 1));

    EXPECT_EQ(status("DELETE", "", "older_than=0&dify=true"), 400);
    EXPECT_EQ(status("DELETE", "id", "dify=true"), 400);
    EXPECT_EQ(status("DELETE", "", "user=u&cursor=4"), 400);
}

TEST(ConversationAdmin, AnExportIsImported)
{
    auto admin = read("GET", "export", "limit=2");
    ASSERT_TRUE(admin);
    EXPECT_TRUE(admin->is_export());
    EXPECT_EQ(admin->room(), 2u);
    EXPECT_EQ(*admin->reply(0, true, 0), "{}");

    auto older = entry("id-a", "key", kNow - 2);
    older.key = digest("a");
    older.head = digest("head of a");
    auto newer = entry("id-b", "key", kNow - 1, false);
    newer.key = digest("b");
    admin->add(newer);
    admin->add(older);

    auto file = admin->reply(0, true, 2);
    ASSERT_TRUE(file);
    EXPECT_NE(file->find("{\"dify_conversation_id\":\"id-b\","
                         "\"created_at\":999999999,"
                         "\"last_used\":999999999}"),
              std::string::npos);

    auto back = read("POST", "import", "", *file);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->task(), AdminTask::add);
    const auto first = back->bring(1);
    ASSERT_EQ(first.size(), 1u);
    const auto rest = back->bring(5);
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_TRUE(back->bring(5).empty());
    EXPECT_EQ(first[0].key, older.key);
    EXPECT_EQ(first[0].head, older.head);
    EXPECT_TRUE(first[0].has_head);
    EXPECT_EQ(first[0].owner.user, older.owner.user);
    EXPECT_EQ(rest[0].key, newer.key);
    EXPECT_FALSE(rest[0].has_head);
    back->added(1);
    EXPECT_EQ(*back->reply(0, false, 0),
              "{\"imported\":1,\"known\":1,\"too_old\":0}");
}

TEST(ConversationAdmin, AFileOfOpenDify)
{
    auto admin = read("POST", "import", "model=bot&user=u",
                      "{\"old\": {\"dify_conversation_id\": \"id-1\","
                      " \"created_at\": 1, \"last_used\": 999998999},"
                      " \"chat\": {\"dify_conversation_id\": \"id-2\","
                      " \"created_at\": 1, \"last_used\": 999999000.5},"
                      " \"first\": \"id-3\"}");
    ASSERT_TRUE(admin);
    const auto brought = admin->bring(5);
    ASSERT_EQ(brought.size(), 2u);

    const auto &entry = brought[0];
    const Digest scope =
        conversation_scope(digest("key"), "client", "u", "chat");
    EXPECT_EQ(entry.id.view(), "id-2");
    EXPECT_EQ(entry.used_s, kNow - 1000);
    EXPECT_EQ(entry.key, ConversationMap::key(scope, "id-2"));
    EXPECT_EQ(entry.head, imported_head(scope));
    EXPECT_TRUE(entry.has_head);
    EXPECT_EQ(entry.owner.app,
              ConversationOwner::of("u", digest("key")).app);
    EXPECT_EQ(brought[1].used_s, kNow);

    auto named = read("POST", "import", "model=bot&user=u&client=other",
                      "{\"chat\": \"id-2\"}");
    EXPECT_EQ(named->bring(5)[0].head,
              imported_head(conversation_scope(digest("key"), "other", "u",
                                               "chat")));
    EXPECT_EQ(*admin->reply(0, false, 0),
              "{\"imported\":0,\"known\":2,\"too_old\":1}");
}

TEST(ConversationAdmin, FilesThatAreRefused)
{
    std::string many = "{";
    for (int i = 0; i < 101; i++) {
        many += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"id\"";
    }

    const std::string args = "model=bot&user=u";
    EXPECT_EQ(status("POST", "import", args, many + "}"), 400);
    EXPECT_EQ(status("POST", "import", args, "{}"), 200);
    EXPECT_EQ(status("POST", "import", args, "{\"a\":\"id\"}"), 200);
    EXPECT_EQ(status("POST", "import", args,
                     std::string(kMaxImportBytes + 1, ' ')),
              413);

    for (const char *body : { "", "[]", "{\"a\":1}", "{\"a\":{}}",
                              "{\"\":\"id\"}", "{\"a\":\"\"}",
                              "{\"a\":\"id\\u0000\"}", "{\"a\":\"..\"}",
                              "{\"a\":\"i/d\"}", "{\"a\":\"i d\"}" })
    {
        EXPECT_EQ(status("POST", "import", args, body), 400) << body;
    }

    EXPECT_EQ(status("POST", "import", "user=u", "{\"a\":\"id\"}"), 400);
    EXPECT_EQ(status("POST", "import", "model=bot", "{\"a\":\"id\"}"), 400);
}

TEST(ConversationAdmin, WhatIsRefused)
{
    EXPECT_EQ(status("GET", "a/b"), 404);
    EXPECT_EQ(status("GET", std::string(41, 'x')), 404);
    EXPECT_EQ(status("GET", "", "model=none"), 404);
    EXPECT_EQ(status("GE", ""), 405);
    EXPECT_EQ(status("", ""), 405);
    EXPECT_EQ(status("GET,", ""), 405);
    EXPECT_EQ(status("DELETE", "mappings"), 405);
    EXPECT_EQ(status("DELETE", ""), 400);
    EXPECT_EQ(status("DELETE", "", "&"), 400);
    EXPECT_EQ(status("DELETE", "", "older_than=0&Limit"), 400);
    EXPECT_EQ(admin_allow("/"), "GET, HEAD, DELETE");
    EXPECT_EQ(admin_allow("cleanup"), "POST");
    EXPECT_EQ(admin_allow("a/b"), "");
}

}  // namespace
}  // namespace opendify
