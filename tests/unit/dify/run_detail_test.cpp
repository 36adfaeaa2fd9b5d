#include <gtest/gtest.h>

#include "opendify/backend.hpp"

namespace opendify {
namespace {

TEST(RunDetail, is_asked_by_id)
{
    const auto request = encode_run_call("e2a97b54-8c10");

    EXPECT_FALSE(request.post);
    EXPECT_EQ(request.path, "/workflows/run/e2a97b54-8c10");
}

TEST(RunDetail, becomes_the_last_event_of_a_stream)
{
    EXPECT_EQ(encode_run_frame("{\"status\":\"succeeded\",\n"
                               "\"outputs\":{\"answer\":\"a\\nb\"}}"),
              "data: {\"event\":\"workflow_finished\",\"data\":"
              "{\"status\":\"succeeded\", \"outputs\":{\"answer\":\"a\\nb\"}}"
              "}\n\n");
}

TEST(RunDetail, is_nothing_while_the_run_goes_on)
{
    for (const char *record :
         {"{\"status\":\"running\"}", "{\"status\":\"paused\"}", "{}", "[]",
          "<html>", "", "{\"status\":\"succeeded\""})
    {
        EXPECT_EQ(encode_run_frame(record), "") << record;
    }
}

TEST(RunDetail, tells_of_a_pause)
{
    EXPECT_TRUE(is_paused_run("{\"status\":\"paused\"}"));

    for (const char *record : {"{\"status\":\"running\"}", "{}", "", "[]"}) {
        EXPECT_FALSE(is_paused_run(record)) << record;
    }
}

}  // namespace
}  // namespace opendify
