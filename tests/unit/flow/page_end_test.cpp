// Everything that reads bytes from a network, at every end those may have.

#include "../page_end.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "opendify/app_form.hpp"
#include "opendify/backend.hpp"
#include "opendify/endpoint.hpp"
#include "opendify/pipeline.hpp"
#include "pipeline_play.hpp"

namespace opendify {
namespace {

using namespace pipeline_test;

using Reader = std::function<void(std::string_view)>;

void read_every_prefix(const std::string &whole, const Reader &read)
{
    for (std::size_t end = 0; end <= whole.size(); end++) {
        const PageEnd prefix(std::string_view(whole).substr(0, end));
        read(prefix.view());
    }
}

const std::string kRequest =
    R"({"model":"m","stream":true,"messages":[{"role":"user","content":[)"
    R"({"type":"text","text":"caf\u00e9 😀"},{"type":"image_url",)"
    R"("image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}],)"
    R"("metadata":{"inputs.a":"b"},"inputs":{"x":[1.5e3,null,true]}})";

TEST(PageEnd, IsThere)
{
    const PageEnd four("four");
    EXPECT_EQ(four.view(), "four");
    EXPECT_DEATH((void) *(const volatile char *) (four.view().data() + 4), "");
}

TEST(PageEnd, OfRequests)
{
    std::size_t understood = 0;

    read_every_prefix(kRequest, [&](std::string_view body) {
        understood += decode_chat_request(body, Limits{}) ? 1 : 0;
        (void) decode_completion_request(body, Limits{});
    });

    EXPECT_EQ(understood, 1u);
}

TEST(PageEnd, OfPaths)
{
    for (const char *path : {"v1/models/a%2Fb%", "chat/completions/"}) {
        read_every_prefix(path, [](std::string_view raw) {
            route_of(raw, "/v1/");
            route_of(raw, "");
            target_to_send(raw, raw, raw, true);
        });
    }
}

TEST(PageEnd, OfReplies)
{
    const std::string replies[] = {
        R"({"name":"app","mode":"advanced-chat","tags":[]})",
        R"({"code":"invalid_param","message":"Conversation Not Exists.",)"
        R"("status":404})",
        R"({"user_input_form":[{"select":{"variable":"a","options":["b"],)"
        R"("required":true}}],"file_upload":{"enabled":true}})",
        R"({"id":"2a3b4c5d-6e7f","name":"cat.png"})",
        R"({"form_content":"Go?","inputs":[],"user_actions":[{"id":"y"}]})",
        "<!doctype html><html><title>504 Gateway Time-out</title></html>",
    };

    for (const auto &reply : replies) {
        read_every_prefix(reply, [](std::string_view body) {
            (void) decode_info(body);
            (void) decode_error_reply(400, body);
            (void) decode_error_reply(504, body);
            (void) decode_parameters(body);
            (void) decode_upload_reply(201, body);
            (void) decode_suggested(body);
            (void) decode_form(body);
            (void) encode_run_frame(body);
        });
    }
}

TEST(PageEnd, OfStreams)
{
    const std::string stream = kPing + said("<think>\\n5 < 6 caf\\u00e9")
                               + said("</think>\\nHi 😀") + replaced("no")
                               + kError;

    read_every_prefix(stream, [](std::string_view bytes) {
        Pipeline pipeline({"id", 1, "m", true, true}, AppMode::chat, {},
                          Limits{});
        pipeline.feed(bytes);
        pipeline.finish();
        EXPECT_TRUE(pipeline.over());
    });
}

}  // namespace
}  // namespace opendify
