#include "flow/pacer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace opendify {

namespace {

constexpr std::uint32_t kLag = 100;

// A pacer, its clock, and when each byte came and went.
struct Stream {
    explicit Stream(std::uint32_t lag_ms = kLag) : pacer(lag_ms), lag(lag_ms) {}

    // As a timer would, each time `late_ms` too late.
    void until(std::uint64_t then, std::uint64_t late_ms = 0)
    {
        while (pacer.due_ms() != 0 && pacer.due_ms() + late_ms <= then) {
            now = std::max(now, pacer.due_ms() + late_ms);
            ticks++;
            went(pacer.take(now));
        }

        now = then;
    }

    void come(std::string_view text)
    {
        in.append(text);
        came.resize(in.size(), now);

        if (!pacer.keep(text, now)) {
            went(pacer.take_all());
            went(text);
        }
    }

    void went(std::string_view text)
    {
        if (text.empty()) {
            return;
        }

        out.append(text);
        chunks.emplace_back(now, text.size());

        while (left < out.size()) {
            longest = std::max(longest, now - came[left++]);
        }
    }

    // The bytes that went out in [from, to).
    std::size_t between(std::uint64_t from, std::uint64_t to) const
    {
        std::size_t bytes = 0;

        for (const auto &[at, size] : chunks) {
            bytes += at >= from && at < to ? size : 0;
        }

        return bytes;
    }

    Pacer         pacer;
    std::uint32_t lag;
    std::uint64_t now = 1000;
    std::string   in;
    std::string   out;
    std::size_t   left = 0;
    std::uint64_t longest = 0;
    std::uint64_t ticks = 0;
    std::vector<std::uint64_t>                         came;
    std::vector<std::pair<std::uint64_t, std::size_t>> chunks;
};

void burst(Stream &run, int pieces)
{
    for (int i = 0; i < pieces; i++) {
        run.come("word" + std::to_string(i) + " ");
    }
}

TEST(Pacer, OffKeepsNothing)
{
    Pacer pacer;

    for (std::uint64_t now = 0; now < 1000; now += 100) {
        EXPECT_FALSE(pacer.keep("a", now));
        EXPECT_FALSE(pacer.keep("b", now));
        EXPECT_EQ(pacer.due_ms(), 0u);
    }
}

TEST(Pacer, WhatComesEvenlyGoesThrough)
{
    for (std::uint64_t gap : {1, 2, 5, 9, 10, 11, 19, 20, 21, 40, 100, 700}) {
        Stream run;

        for (int i = 0; i < 500; i++) {
            run.come("word ");
            EXPECT_TRUE(run.pacer.empty()) << gap;
            run.until(run.now + gap);
        }

        EXPECT_EQ(run.ticks, 0u) << gap;
        EXPECT_EQ(run.longest, 0u) << gap;
    }
}

// As time in a server jitters.
TEST(Pacer, WhatComesAlmostEvenlyGoesThrough)
{
    std::mt19937 random(7);
    Stream          run;

    for (int i = 0; i < 2000; i++) {
        run.come("word ");
        run.until(run.now + 16 + random() % 9);
    }

    EXPECT_EQ(run.ticks, 0u);
}

TEST(Pacer, TheFirstBurstGoesThrough)
{
    Stream run;

    burst(run, 50);
    EXPECT_EQ(run.out, run.in);
    run.until(run.now + 3);
    burst(run, 50);
    EXPECT_EQ(run.out, run.in);
}

TEST(Pacer, ABurstIsSpread)
{
    Stream run;

    for (int i = 0; i < 5; i++) {
        std::uint64_t begin = run.now;
        burst(run, 8);

        if (i == 0) {
            run.until(begin + 100);
            continue;
        }

        EXPECT_EQ(run.between(begin, begin + 1), 6u);  // the first piece
        run.until(begin + 100);
        EXPECT_EQ(run.out, run.in);

        for (std::uint64_t at = begin + 1; at < begin + 81; at += 20) {
            EXPECT_GE(run.between(at, at + 20), 6u);
            EXPECT_LE(run.between(at, at + 20), 12u);
        }
    }

    EXPECT_LE(run.longest, kLag - 5);
}

// At most a rhythm, if that is less than the lag.
TEST(Pacer, ABurstIsOutBeforeTheNext)
{
    Stream run(1000);

    for (int i = 0; i < 20; i++) {
        EXPECT_TRUE(run.pacer.empty());
        burst(run, 8);
        run.until(run.now + 150);
    }

    EXPECT_LE(run.longest, 150u);
    EXPECT_GE(run.longest, 120u);
}

TEST(Pacer, AShareATickIsOneChunk)
{
    Stream run;

    burst(run, 1);
    run.until(run.now + 100);
    std::size_t before = run.chunks.size();
    burst(run, 200);
    run.until(run.now + 100);
    EXPECT_EQ(run.chunks.size() - before, 5u);
    EXPECT_EQ(run.out, run.in);
}

TEST(Pacer, ALongPieceIsCutAtBorders)
{
    Stream        run;
    std::string text;

    for (int i = 0; i < 100; i++) {
        text += "е\u0301中文👩‍🚀 ";
    }

    run.come("a");
    run.until(run.now + 100);
    run.come("b");
    run.come(text);
    run.until(run.now + 100);
    EXPECT_EQ(run.out, "ab" + text);
    EXPECT_GE(run.chunks.size(), 6u);

    std::size_t at = 0;
    for (const auto &[when, size] : run.chunks) {
        at += size;
        auto next = std::string_view(run.out).substr(at);
        EXPECT_TRUE(at <= 2 || next.empty() || next.substr(0, 3) == "文"
                    || next.substr(0, 2) == "е")
            << at;
    }
}

TEST(Pacer, AShortPieceStaysWhole)
{
    Stream run;

    run.come("a");
    run.until(run.now + 100);
    run.come("b");
    run.come("seventeen letters");
    run.come("seventeen letters");
    run.until(run.now + 100);

    for (std::size_t i = 2; i < run.chunks.size(); i++) {
        EXPECT_EQ(run.chunks[i].second, 17u);
    }
}

TEST(Pacer, BeyondItsBoundAllGoesOut)
{
    Stream        run;
    std::string big(Pacer::kMaxKept, 'x');

    run.come("a");
    run.until(run.now + 100);
    run.come("b");
    run.come("kept");
    EXPECT_EQ(run.out, "ab");
    run.come(big);
    EXPECT_EQ(run.out, run.in);

    for (int i = 0; i < 10000; i++) {
        run.come("tiny");
        EXPECT_LE(run.in.size() - run.out.size(), Pacer::kMaxKept / 4);
    }

    run.until(run.now + 100);
    EXPECT_EQ(run.out, run.in);
}

TEST(Pacer, DropsAndBeginsAnew)
{
    Stream run;

    run.come("a");
    run.until(run.now + 100);
    burst(run, 8);
    EXPECT_NE(run.pacer.due_ms(), 0u);
    run.pacer.drop();
    EXPECT_EQ(run.pacer.due_ms(), 0u);
    EXPECT_EQ(run.pacer.take_all(), "");
    EXPECT_EQ(run.pacer.take(run.now + 1000), "");

    EXPECT_TRUE(run.pacer.keep("in rhythm", run.now));
    run.pacer.begin_anew();
    EXPECT_FALSE(run.pacer.keep("first", run.now));
    EXPECT_FALSE(run.pacer.keep("first burst", run.now));
}

TEST(Pacer, TakesNothingTooEarly)
{
    Stream run;

    run.come("a");
    run.until(run.now + 100);
    burst(run, 8);
    std::uint64_t due = run.pacer.due_ms();
    EXPECT_EQ(due, run.now + Pacer::kTickMs);
    EXPECT_EQ(run.pacer.take(due - 1), "");
    EXPECT_NE(run.pacer.take(due), "");
    EXPECT_EQ(run.pacer.due_ms(), due + Pacer::kTickMs);
}

// Arrivals of any kind: nothing is altered or waits longer than the lag.
TEST(Pacer, RandomArrivals)
{
    constexpr std::uint64_t kGaps[] = {0, 0, 0, 0, 0, 0, 1, 2, 9, 14,
                                       15, 20, 33, 80, 150, 400};
    std::mt19937 random(42);

    for (int round = 0; round < 300; round++) {
        Stream           run(std::uint32_t(20 + random() % 200));
        std::uint64_t late = random() % 6;
        std::size_t   kinds = 1 + random() % std::size(kGaps);

        for (int i = 0; i < 400; i++) {
            std::string text(1 + random() % (random() % 20 ? 12 : 900),
                             char('a' + random() % 26));
            run.come(text);
            ASSERT_EQ(std::string_view(run.in).substr(0, run.out.size()),
                      run.out);
            run.until(run.now + kGaps[random() % kinds], late);
        }

        run.until(run.now + run.lag, late);
        EXPECT_EQ(run.out, run.in);
        EXPECT_EQ(run.pacer.due_ms(), 0u);
        EXPECT_LE(run.longest, run.lag) << round;
    }
}

}  // namespace

}  // namespace opendify
