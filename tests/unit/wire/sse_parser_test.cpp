#include "wire/sse_parser.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace opendify::wire {
namespace {

using Events = std::vector<std::string>;

// Each event as "type|data", with "!" behind it when it was cut.
struct Collect : SseSink {
    bool on_sse_event(const SseEvent &event) override
    {
        std::string text(event.type);
        text.push_back('|');
        text.append(event.data);
        text.append(event.cut ? "!" : "");
        events.push_back(text);
        last_data = event.data.data();

        return events.size() < stop_after;
    }

    Events      events;
    std::size_t stop_after = 1000000;
    const char *last_data = nullptr;
};

// Copied to the heap, so that a sanitizer sees every byte read beside it.
void feed_copy(SseParser &parser, std::string_view bytes, SseSink &sink)
{
    const auto copy = std::make_unique<char[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    parser.feed({ copy.get(), bytes.size() }, sink);
}

Events parsed(std::string_view text, std::size_t limit,
              const std::function<std::size_t()> &cut,
              std::size_t stop_after = 1000000)
{
    SseParser parser(limit);
    Collect sink;
    sink.stop_after = stop_after;

    while (!text.empty()) {
        const std::size_t size = std::min(cut(), text.size());
        feed_copy(parser, text.substr(0, size), sink);
        text.remove_prefix(size);
    }

    parser.finish(sink);
    parser.finish(sink);

    return sink.events;
}

void expect_events(std::string_view text, const Events &expected,
                   std::size_t limit = 1000, std::size_t stop_after = 1000000)
{
    const auto run = [&](const std::function<std::size_t()> &cut) {
        EXPECT_EQ(parsed(text, limit, cut, stop_after), expected) << text;
    };

    run([&] { return text.size(); });
    run([] { return std::size_t{ 1 }; });

    std::mt19937 random(7);
    for (int i = 0; i < 200; i++) {
        run([&] { return random() % 9; });
    }
}

TEST(SseParser, ReadsDifysEvents)
{
    expect_events("event: ping\n\ndata: {\"event\": \"message\"}\n\n"
                  "event: ping\n\ndata: {\"event\": \"message_end\"}\n\n",
                  { "ping|", "|{\"event\": \"message\"}", "ping|",
                    "|{\"event\": \"message_end\"}" });
}

TEST(SseParser, KnowsAllEndsOfLines)
{
    expect_events("data: a\n\ndata: b\n\n", { "|a", "|b" });
    expect_events("data: a\r\n\r\ndata: b\r\n\r\n", { "|a", "|b" });
    expect_events("data: a\r\rdata: b\r\r", { "|a", "|b" });
    expect_events("data: a\r\n\ndata: b\n\r\ndata: c\r\n\r",
                  { "|a", "|b", "|c" });
    expect_events("data: a\n\rdata: b\n\n", { "|a", "|b" });
    expect_events("\n\n\r\n\r\rdata: a\n\n\n\n", { "|a" });
}

TEST(SseParser, ReportsAtTheCarriageReturnAlready)
{
    SseParser parser(100);
    Collect sink;
    parser.feed("data: a\r\n\r", sink);
    EXPECT_EQ(sink.events, (Events{ "|a" }));
    parser.feed("\ndata: b\n", sink);
    EXPECT_EQ(sink.events.size(), 1u);
    parser.feed("\n", sink);
    EXPECT_EQ(sink.events, (Events{ "|a", "|b" }));
}

TEST(SseParser, SkipsAByteOrderMarkOnceOnly)
{
    expect_events("\xef\xbb\xbf" "data: a\n\n", { "|a" });
    expect_events("\xef\xbb\xbf\xef\xbb\xbf" "data: a\n\ndata: b\n\n",
                  { "|b" });
    expect_events("\xef\xbb" "data: a\n\ndata: b\n\n", { "|b" });
    expect_events("\xef\n" "data: a\n\n", { "|a" });
    expect_events("\xef\xbb", {});
    expect_events("data: a\n\n\xef\xbb\xbf" "data: b\n\n", { "|a" });
}

TEST(SseParser, JoinsDataLines)
{
    expect_events("data: a\ndata: b\n\n", { "|a\nb" });
    expect_events("data: a\ndata:\ndata\ndata: b\n\n", { "|a\n\n\nb" });
    expect_events("data:\ndata:\n\n", { "|\n" });
    expect_events("data: a\nid: 1\nevent: e\ndata: b\n\ndata: c\n\n",
                  { "e|a\nb", "|c" });
}

TEST(SseParser, TakesOneSpaceAfterTheColon)
{
    expect_events("data:a\n\ndata: a\n\ndata:  a \n\ndata:\ta\n\n",
                  { "|a", "|a", "| a ", "|\ta" });
    expect_events("data: a: b:c\n\n", { "|a: b:c" });
}

TEST(SseParser, IgnoresCommentsAndOtherFields)
{
    expect_events(": ping\n\n:\n\ndata: a\n: in between\nretry: 5\nid\n"
                  "Data: x\n data: x\ndatas: x\ndat: x\n\n",
                  { "|a" });
}

TEST(SseParser, ReportsEmptyDataAndBareTypes)
{
    expect_events("data\n\ndata:\n\nevent: e\n\nevent\n\nevent:\n\n",
                  { "|", "|", "e|" });
    expect_events("event: a\nevent: b\n\nevent: a\nevent:\n\n", { "b|" });
}

TEST(SseParser, ReportsWhatWasLeftAtTheEnd)
{
    expect_events("data: a\n\ndata: b\n", { "|a", "|b" });
    expect_events("data: a\n\ndata: b", { "|a", "|b" });
    expect_events("event: e\ndata: b\r", { "e|b" });
    expect_events("event: e", { "e|" });
    expect_events("", {});
    expect_events(": only", {});
}

TEST(SseParser, CutsLongEvents)
{
    expect_events("data: 12345678\n\ndata: 123456789\n\ndata: x\n\n",
                  { "|12345678", "|12345678!", "|x" }, 8);
    expect_events("data:12345678\n\ndata:123456789\n\n",
                  { "|12345678", "|12345678!" }, 8);
    expect_events("data: 123\ndata: 4567\n\n", { "|123\n4567" }, 8);
    expect_events("data: 123\ndata: 45678\n\n", { "|123\n4567!" }, 8);
    expect_events("data: 12345678\ndata:\n\n", { "|12345678!" }, 8);
    expect_events("data: 1234567\ndata:\n\n", { "|1234567\n" }, 8);
    expect_events("data: 123456789\ndata: 1\nevent: e\n\n",
                  { "e|12345678!" }, 8);
    expect_events("data: 123456789", { "|12345678!" }, 8);
    expect_events("data:\n\ndata: 1\n\n", { "|", "|!" }, 0);
    expect_events(": a comment of any length\ndata: 1\nunknown-and-long\n\n",
                  { "|1" }, 8);
}

TEST(SseParser, CutsOneLongLineInLinearTime)
{
    SseParser parser(1000);
    Collect sink;
    const std::string piece(1000, 'x');

    parser.feed("data: ", sink);
    for (int i = 0; i < 100000; i++) {
        parser.feed(piece, sink);
    }
    parser.feed("\n\ndata: y\n\n", sink);

    EXPECT_EQ(sink.events, (Events{ "|" + piece + "!", "|y" }));
}

TEST(SseParser, ReadsManyLinesInLinearTime)
{
    std::string text;
    for (int i = 0; i < 300000; i++) {
        text.append("data: a\n\n");
    }

    SseParser parser(1000);
    Collect sink;
    parser.feed(text, sink);
    EXPECT_EQ(sink.events.size(), 300000u);
}

TEST(SseParser, DoesNotCopyAWholeEvent)
{
    const std::string text =
        ": x\n\ndata: first\n\nevent: e\ndata: second\n\n";
    SseParser parser(1000);
    Collect sink;
    parser.feed(text, sink);

    EXPECT_EQ(sink.events.back(), "e|second");
    EXPECT_EQ(sink.last_data, text.data() + text.find("second"));
}

TEST(SseParser, StopsWhenTheSinkSaysSo)
{
    expect_events("data: a\n\ndata: b\n\ndata: c\n\ndata: d", { "|a", "|b" },
                  1000, 2);
}

TEST(SseParser, StartsAnewAfterReset)
{
    SseParser parser(1000);
    Collect sink;
    parser.feed("data: a\nevent: e\ndata: half", sink);
    parser.reset();
    parser.feed("\xef\xbb\xbf" "data: b\n\n", sink);
    parser.finish(sink);
    parser.feed("data: c\n\n", sink);
    EXPECT_EQ(sink.events, (Events{ "|b" }));

    parser.reset();
    parser.feed("data: d\r", sink);
    parser.reset();
    parser.feed("\ndata: e\n\n", sink);
    EXPECT_EQ(sink.events, (Events{ "|b", "|e" }));
}

TEST(SseParser, CanBeCopiedBetweenFeeds)
{
    SseParser parser(1000);
    Collect one;
    Collect other;
    parser.feed("event: e\ndata: a\ndat", one);
    SseParser copy = parser;
    parser.feed("a: b\n\n", one);
    parser.reset();
    copy.feed("a: c\n\n", other);

    EXPECT_EQ(one.events, (Events{ "e|a\nb" }));
    EXPECT_EQ(other.events, (Events{ "e|a\nc" }));
}

}  // namespace
}  // namespace opendify::wire
