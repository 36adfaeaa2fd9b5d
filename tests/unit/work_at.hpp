// How the time of something grows with the size of its input.

#ifndef OPENDIFY_TESTS_WORK_AT_HPP
#define OPENDIFY_TESTS_WORK_AT_HPP

#include <time.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include <gtest/gtest.h>

namespace opendify::testing {

// Of this thread alone: others may have the machine meanwhile.
inline double cpu_seconds()
{
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);

    return static_cast<double>(now.tv_sec)
           + static_cast<double>(now.tv_nsec) / 1e9;
}

template <class F>
double seconds_of(F &&work)
{
    const double begin = cpu_seconds();
    work();

    return cpu_seconds() - begin;
}

// The least of several runs is the one that was not disturbed.
template <class F>
double least_seconds_of(F &&work)
{
    double least = seconds_of(work);

    for (int i = 0; i < 2 && least < 0.5; i++) {
        least = std::min(least, seconds_of(work));
    }

    return least;
}

// `at(n)` does something with an input of size n, which is made by the way.
// Four times as much may take eight times as long, and what is over in 30 ms
// is not looked at.
template <class F>
::testing::AssertionResult grows_linearly(F &&at, std::size_t n)
{
    constexpr double kNotable = 0.03;
    constexpr double kMostGrowth = 8;

    const double four = least_seconds_of([&] { at(4 * n); });
    if (four < kNotable) {
        return ::testing::AssertionSuccess();
    }

    const double one = least_seconds_of([&] { at(n); });
    if (four < kMostGrowth * one) {
        return ::testing::AssertionSuccess();
    }

    return ::testing::AssertionFailure()
           << one * 1e3 << " ms at " << n << ", " << four * 1e3 << " ms at "
           << 4 * n;
}

// A text in words.
inline std::string shown(const std::string &text)
{
    std::string out;

    for (const char c : text) {
        out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : std::string(1, c);
    }

    return out;
}

}  // namespace opendify::testing

#endif
