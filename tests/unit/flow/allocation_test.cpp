// Memory runs out at the first, the second, ... allocation: each is a
// std::bad_alloc for the caller and nothing else, until the work gets by.

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <new>
#include <string>

#include "opendify/app_form.hpp"
#include "opendify/backend.hpp"
#include "opendify/endpoint.hpp"
#include "opendify/pipeline.hpp"
#include "pipeline_play.hpp"

namespace {

long allocations_left = -1;  // negative: any number

void *allocate(std::size_t size)
{
    if (allocations_left == 0) {
        throw std::bad_alloc();
    }

    if (allocations_left > 0) {
        allocations_left--;
    }

    void *at = std::malloc(size == 0 ? 1 : size);
    if (at == nullptr) {
        throw std::bad_alloc();
    }

    return at;
}

}  // namespace

void *operator new(std::size_t size) { return allocate(size); }
void *operator new[](std::size_t size) { return allocate(size); }
void operator delete(void *at) noexcept { std::free(at); }
void operator delete[](void *at) noexcept { std::free(at); }
void operator delete(void *at, std::size_t) noexcept { std::free(at); }
void operator delete[](void *at, std::size_t) noexcept { std::free(at); }

namespace opendify {
namespace {

using namespace pipeline_test;

// How many allocations the work takes.
long starve(const std::function<void()> &work)
{
    for (long allowed = 0; allowed < 100000; allowed++) {
        allocations_left = allowed;

        try {
            work();
            allocations_left = -1;
            return allowed;

        } catch (const std::bad_alloc &) {
            allocations_left = -1;
        }
    }

    return -1;
}

TEST(Allocation, OfARequest)
{
    const std::string body =
        R"({"model":"m","messages":[{"role":"system","content":"Be brief."},)"
        R"({"role":"user","content":[{"type":"text","text":"What is this?"},)"
        R"({"type":"image_url","image_url":{"url":)"
        R"("data:image/png;base64,iVBORw0KGgo="}}]}],"inputs":{"a":"b"}})";

    EXPECT_GT(starve([&] {
                  auto turn = decode_chat_request(body, Limits{});
                  ASSERT_TRUE(turn);
                  ChatCall call;
                  call.turn = &*turn;
                  call.user = "u";
                  ASSERT_TRUE(encode_chat_call(call));
                  encode_upload_call(turn->messages[1].files[0], "u");
              }),
              10);
}

TEST(Allocation, OfAnAnswer)
{
    const std::string stream =
        said("<think>hm, let me see what there is to be said</think>")
        + said("The answer that is longer than any small string may be.")
        + kEnd;

    for (bool streaming : {true, false}) {
        EXPECT_GT(starve([&] {
                      Pipeline pipeline({"id", 1, "m", streaming, true},
                                        AppMode::chat, {}, Limits{});
                      pipeline.feed(stream);
                      pipeline.finish();
                      ASSERT_TRUE(pipeline.ended());
                      ASSERT_NE(pipeline.output().find("longer than any"),
                                std::string::npos);
                  }),
                  10);
    }
}

TEST(Allocation, OfAPacedAnswer)
{
    const std::string long_text =
        "The answer that is longer than any small string may be.";
    AnswerOptions options;
    options.pace_ms = 100;

    EXPECT_GT(starve([&] {
                  Pipeline pipeline({"id", 1, "m", true, true}, AppMode::chat,
                                    {}, Limits{}, options);
                  pipeline.set_now(1000);
                  pipeline.feed(said("Well. "));
                  pipeline.set_now(1100);
                  pipeline.feed(said(long_text) + said(long_text)
                                + said(long_text) + kEnd);
                  ASSERT_TRUE(pipeline.closing());
                  pipeline.set_now(1200);
                  pipeline.release();
                  ASSERT_TRUE(pipeline.ended());
              }),
              10);
}

TEST(Allocation, OfErrorsAndForms)
{
    const std::string error =
        R"({"code":"invalid_param","status":400,"message":)"
        R"("Too many requests. Please try again later, in a while."})";
    const std::string form =
        R"({"user_input_form":[{"select":{"variable":"tone","required":true,)"
        R"("label":"a label of some length","options":["formal","casual"]}}]})";

    EXPECT_GT(starve([&] {
                  auto failure = decode_error_reply(400, error);
                  ASSERT_EQ(failure.errc, Errc::backend_rate_limited);
                  ASSERT_FALSE(encode_error(failure).empty());
                  ASSERT_TRUE(decode_parameters(form));
              }),
              5);
}

}  // namespace
}  // namespace opendify
