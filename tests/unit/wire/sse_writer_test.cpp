#include "wire/sse_writer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "wire/sse_parser.hpp"

namespace opendify::wire {
namespace {

struct Collect : SseSink {
    bool on_sse_event(const SseEvent &event) override
    {
        data.emplace_back(event.data);
        return true;
    }

    std::vector<std::string> data;
};

TEST(SseWriter, WritesOneLineAndOneEmptyLine)
{
    std::string out = "before";
    write_event(out, R"({"a":1})");
    EXPECT_EQ(out, "beforedata: {\"a\":1}\n\n");
}

TEST(SseWriter, IsReadByTheParser)
{
    std::string out;
    write_event(out, R"({"a":1})");
    out.append(kSsePing);
    out.append(kSseDone);

    Collect sink;
    SseParser parser(1000);
    parser.feed(out, sink);

    EXPECT_EQ(sink.data, (std::vector<std::string>{ R"({"a":1})", "[DONE]" }));
}

}  // namespace
}  // namespace opendify::wire
