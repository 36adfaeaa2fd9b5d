#include "flow/text_gate.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace opendify {

namespace {

using Kind = TurnEvent::Kind;

struct Collect : GateSink {
    void on_release(Kind kind, std::string_view text) override
    {
        all.append(kind == Kind::text ? "t" : "r").append(text).append("|");
        last = text.data();
    }

    std::string all;
    const char *last = nullptr;
};

TEST(TextGate, WithoutAWindowNothingIsKept)
{
    TextGate    gate;
    Collect     sink;
    std::string text = "a";

    gate.push(Kind::text, text, 5, sink);
    EXPECT_EQ(sink.all, "ta|");
    EXPECT_EQ(sink.last, text.data());
    EXPECT_EQ(gate.due_ms(), 0u);
    EXPECT_EQ(gate.bytes(), 0u);
}

TEST(TextGate, LetsGoWhatIsDue)
{
    TextGate gate(100);
    Collect  sink;

    gate.push(Kind::text, "a", 0, sink);
    gate.push(Kind::reasoning, "bc", 10, sink);
    gate.push(Kind::text, "d", 10, sink);
    gate.push(Kind::text, "e", 30, sink);
    EXPECT_EQ(sink.all, "");
    EXPECT_EQ(gate.due_ms(), 100u);
    EXPECT_EQ(gate.bytes(), 5u);

    gate.release(99, sink);
    EXPECT_EQ(sink.all, "");
    gate.release(100, sink);
    EXPECT_EQ(sink.all, "ta|");
    EXPECT_EQ(gate.due_ms(), 110u);
    gate.release(129, sink);
    EXPECT_EQ(sink.all, "ta|rbc|td|");
    EXPECT_EQ(gate.bytes(), 1u);
    gate.release(1000, sink);
    EXPECT_EQ(sink.all, "ta|rbc|td|te|");
    EXPECT_EQ(gate.due_ms(), 0u);
}

TEST(TextGate, FlushesAndDrops)
{
    TextGate gate(100);
    Collect  sink;

    gate.push(Kind::text, "a", 0, sink);
    gate.push(Kind::step, "", 1, sink);
    gate.flush(sink);
    EXPECT_EQ(sink.all, "ta|r|");

    gate.push(Kind::text, "b", 2, sink);
    gate.drop();
    EXPECT_EQ(gate.due_ms(), 0u);
    EXPECT_EQ(gate.bytes(), 0u);
    gate.push(Kind::text, "c", 3, sink);
    gate.flush(sink);
    EXPECT_EQ(sink.all, "ta|r|tc|");
}

TEST(TextGate, KeepsOrderAndBytes)
{
    TextGate    gate(7);
    Collect     sink;
    std::string expected;

    for (std::uint64_t now = 0; now < 1000; now++) {
        std::string text(now % 13, static_cast<char>('a' + now % 26));
        gate.push(Kind::text, text, now, sink);
        expected.append("t").append(text).append("|");
        gate.release(now, sink);
        EXPECT_LE(gate.bytes(), 7u * 12u);
    }

    gate.flush(sink);
    EXPECT_EQ(sink.all, expected);
}

}  // namespace

}  // namespace opendify
