#include "flow/media_types.hpp"

#include <gtest/gtest.h>

namespace opendify {
namespace {

TEST(MediaTypes, ByExtension)
{
    ASSERT_NE(media_type_of_extension("JPG"), nullptr);
    EXPECT_EQ(media_type_of_extension("JPG")->mime, "image/jpeg");
    EXPECT_EQ(media_type_of_extension("webm")->kind,
              Attachment::Kind::video);
    EXPECT_EQ(media_type_of_extension("exe"), nullptr);
    EXPECT_EQ(media_type_of_extension(""), nullptr);
}

TEST(MediaTypes, ByMime)
{
    ASSERT_NE(media_type_of_mime("image/jpeg"), nullptr);
    EXPECT_EQ(media_type_of_mime("image/jpeg")->extension, "jpg");
    EXPECT_EQ(media_type_of_mime("audio/x-wav")->extension, "wav");
    EXPECT_EQ(media_type_of_mime("text/unheard-of"), nullptr);
}

}  // namespace
}  // namespace opendify
