#include "state/sha256.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

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

std::string hex_of(const state::Mac &mac)
{
    std::string out;
    char        two[3];

    for (const std::uint8_t byte : mac) {
        std::snprintf(two, sizeof(two), "%02x", byte);
        out += two;
    }

    return out;
}

// RFC 4231, test cases 1, 2, 3 and 6.
TEST(Sha256, Hmac)
{
    EXPECT_EQ(hex_of(state::hmac_sha256(std::string(20, '\x0b'), "Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b"
              "881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex_of(state::hmac_sha256("Jefe",
                                        "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c7"
              "5a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex_of(state::hmac_sha256(std::string(20, '\xaa'),
                                        std::string(50, '\xdd'))),
              "773ea91e36800e46854db8ebd09181a7"
              "2959098b3ef8c122d9635514ced565fe");
    EXPECT_EQ(hex_of(state::hmac_sha256(
                  std::string(131, '\xaa'),
                  "Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f"
              "8e0bc6213728c5140546040f0ee37f54");
}

}  // namespace

}  // namespace opendify
