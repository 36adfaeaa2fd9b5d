#include <gtest/gtest.h>

#include "openai/file_types.hpp"

namespace opendify::openai {

namespace {

using Kind = Attachment::Kind;

Attachment named(Kind kind, const std::string &mime, std::string_view name)
{
    Attachment file;
    file.kind = kind;
    file.mime = mime;
    name_file(file, name);

    return file;
}

TEST(FileTypes, NamesWhatHasNoName)
{
    struct {
        Kind        kind;
        std::string mime;
        std::string name;
    } cases[] = {
        { Kind::image, "image/png", "image.png" },
        { Kind::image, "image/jpeg", "image.jpg" },
        { Kind::image, "image/svg+xml", "image.svg" },
        { Kind::image, "image/heic", "image" },
        { Kind::image, "", "image" },
        { Kind::audio, "audio/mpeg", "audio.mp3" },
        { Kind::audio, "audio/x-wav", "audio.wav" },
        { Kind::audio, "audio/webm", "audio.webm" },
        { Kind::video, "video/quicktime", "video.mov" },
        { Kind::document, "application/pdf", "file.pdf" },
        { Kind::document, "text/plain", "file.txt" },
        { Kind::document, "", "file" },
    };

    for (const auto &row : cases) {
        Attachment file = named(row.kind, row.mime, "");

        EXPECT_EQ(file.name, row.name);
        EXPECT_EQ(file.kind, row.kind) << row.name;
        EXPECT_EQ(file.mime, row.mime) << row.name;
    }
}

TEST(FileTypes, KeepsAName)
{
    EXPECT_EQ(named(Kind::document, "application/pdf", "a.PDF").name,
              "a.PDF");
    EXPECT_EQ(named(Kind::document, "application/pdf", "a").name, "a.pdf");
    EXPECT_EQ(named(Kind::document, "", "a").name, "a");
    EXPECT_EQ(named(Kind::document, "text/plain", ".env").name, ".env.txt");
    EXPECT_EQ(named(Kind::document, "", "/tmp/x/a.pdf").name, "a.pdf");
    EXPECT_EQ(named(Kind::document, "", "C:\\x\\a.pdf").name, "a.pdf");
    EXPECT_EQ(named(Kind::document, "", "a\r\nb\x7f.pdf").name, "ab.pdf");
    EXPECT_EQ(named(Kind::document, "", "x/").name, "file");
    EXPECT_EQ(named(Kind::document, "", "..").name, "file");
    EXPECT_EQ(named(Kind::document, "", "\xc3\xa9.csv").name,
              "\xc3\xa9.csv");
}

TEST(FileTypes, CutsALongNameBeforeItsExtension)
{
    std::string name;
    for (int i = 0; i < 150; i++) {
        name += "\xc3\xa9";
    }

    std::string cut = named(Kind::document, "", name + ".pdf").name;

    EXPECT_LE(cut.size(), 200u);
    EXPECT_GE(cut.size(), 198u);
    EXPECT_EQ(cut.substr(cut.size() - 6), "\xc3\xa9.pdf");
    EXPECT_LE(named(Kind::document, "", name).name.size(), 200u);
}

TEST(FileTypes, TheExtensionDecides)
{
    Attachment file =
        named(Kind::document, "application/octet-stream", "a.mp3");
    EXPECT_EQ(file.kind, Kind::audio);
    EXPECT_EQ(file.mime, "audio/mpeg");

    file = named(Kind::document, "", "a.Png");
    EXPECT_EQ(file.kind, Kind::image);
    EXPECT_EQ(file.mime, "image/png");

    file = named(Kind::audio, "audio/webm", "a.webm");
    EXPECT_EQ(file.kind, Kind::audio);
    EXPECT_EQ(file.mime, "audio/webm");

    file = named(Kind::document, "application/json", "a.json");
    EXPECT_EQ(file.kind, Kind::document);
    EXPECT_EQ(file.mime, "application/json");
}

TEST(FileTypes, FindsANameInAnAddress)
{
    EXPECT_EQ(name_in_url("https://x/y/a.png"), "a.png");
    EXPECT_EQ(name_in_url("https://x/a%20b.png?w=/1.gif#f"), "a b.png");
    EXPECT_EQ(name_in_url("https://x/..%2fa.png"), "a.png");
    EXPECT_EQ(name_in_url("https://x/picture"), "");
    EXPECT_EQ(name_in_url("https://x/page.php"), "");
    EXPECT_EQ(name_in_url("https://x.png"), "");
    EXPECT_EQ(name_in_url("https://x/"), "");
    EXPECT_EQ(name_in_url("https://"), "");
}

TEST(FileTypes, KnowsPicturesByTheirBytes)
{
    EXPECT_EQ(image_mime("\x89PNG\r\n\x1a\n..."), "image/png");
    EXPECT_EQ(image_mime("\xff\xd8\xff\xe0"), "image/jpeg");
    EXPECT_EQ(image_mime("GIF89a"), "image/gif");
    EXPECT_EQ(image_mime("GIF87a"), "image/gif");
    EXPECT_EQ(image_mime("RIFF1234WEBPVP8 "), "image/webp");
    EXPECT_EQ(image_mime("RIFF1234WAVE"), "");
    EXPECT_EQ(image_mime("RIFF"), "");
    EXPECT_EQ(image_mime("GIF"), "");
    EXPECT_EQ(image_mime(""), "");
}

TEST(FileTypes, KnowsTheKindOfAMime)
{
    EXPECT_EQ(kind_of_mime("image/x", Kind::document), Kind::image);
    EXPECT_EQ(kind_of_mime("audio/x", Kind::document), Kind::audio);
    EXPECT_EQ(kind_of_mime("video/x", Kind::document), Kind::video);
    EXPECT_EQ(kind_of_mime("text/x", Kind::image), Kind::document);
    EXPECT_EQ(kind_of_mime("", Kind::image), Kind::image);
    EXPECT_EQ(kind_of_mime("application/octet-stream", Kind::image),
              Kind::image);
}

}  // namespace

}  // namespace opendify::openai
