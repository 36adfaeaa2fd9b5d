#include "state/sha256.hpp"

#include <gtest/gtest.h>

namespace opendify {

namespace {

TEST(Sha256, IsSha256)
{
    state::Sha256 hash;
    hash.add("a");
    state::Sha256 copy = hash;
    hash.add("bc");

    const Digest abc = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                        0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23};
    EXPECT_EQ(hash.finish(), abc);

    copy.add("b");
    copy.add("c");
    EXPECT_EQ(copy.finish(), abc);
}

// What is in snapshots: each part with its length before it.
TEST(Sha256, DigestOfParts)
{
    for (std::size_t first = 0; first < 300; first++) {
        for (std::size_t second : {0, 1, 16, 111, 112, 113, 120, 400}) {
            const std::string a(first, 'a');
            const std::string b(second, 'b');
            state::Sha256     hash;

            for (const std::string &part : {a, b, a}) {
                hash.add_length(part.size());
                hash.add(part);
            }

            ASSERT_EQ(digest_of({a, b, a}), hash.finish())
                << first << ' ' << second;
        }
    }
}

}  // namespace

}  // namespace opendify
