#include <string>

#include <gtest/gtest.h>

#include "dify/file_kind.hpp"

namespace opendify {
namespace {

using Kind = Attachment::Kind;
using dify::extension_of;
using dify::file_refusal;
using dify::file_type;
using dify::media_type;

Attachment named(const std::string &name, Kind kind = Kind::document)
{
    Attachment file;
    file.name = name;
    file.kind = kind;
    file.bytes = "x";

    return file;
}

Attachment at(const std::string &url)
{
    Attachment file;
    file.url = url;

    return file;
}

TEST(FileKind, Extension)
{
    EXPECT_EQ(extension_of(named("a.b.PDF")), "pdf");
    EXPECT_EQ(extension_of(named("README")), "");
    EXPECT_EQ(extension_of(named("a.")), "");
    EXPECT_EQ(extension_of(named("a.abcdefghijklmnopq")), "");
    EXPECT_EQ(extension_of(at("https://e.com/x/cat.PNG?a=b.gif#c.d")), "png");
    EXPECT_EQ(extension_of(at("https://example.com")), "");
    EXPECT_EQ(extension_of(at("https://example.com/?f=a.png")), "");
    EXPECT_EQ(extension_of(at("")), "");
}

TEST(FileKind, Type)
{
    EXPECT_EQ(file_type(named("a.png"), nullptr), "image");
    EXPECT_EQ(file_type(named("a.webm"), nullptr), "video");
    EXPECT_EQ(file_type(named("a.mp3"), nullptr), "audio");
    EXPECT_EQ(file_type(named("a.docx", Kind::image), nullptr), "document");
    EXPECT_EQ(file_type(named("a.xyz"), nullptr), "document");
    EXPECT_EQ(file_type(at("https://e.com/cat.php"), nullptr), "image");

    Attachment typed = named("blob");
    typed.mime = "video/x-matroska";
    EXPECT_EQ(file_type(typed, nullptr), "video");
}

TEST(FileKind, CustomByExtension)
{
    AppForm form;
    form.file_types = {"image", "custom"};
    form.file_extensions = {".ZIP", "txt"};

    EXPECT_EQ(file_type(named("a.png"), &form), "image");
    EXPECT_EQ(file_type(named("a.zip"), &form), "custom");
    EXPECT_EQ(file_type(named("a.TXT"), &form), "custom");
    EXPECT_EQ(file_type(named("a.pdf"), &form), "document");
    EXPECT_EQ(file_type(named("a"), &form), "document");
    EXPECT_EQ(file_refusal(named("a.txt"), form), "");
    EXPECT_EQ(file_refusal(named("a.pdf"), form),
              "This model does not take files of the kind 'document', only "
              "image, custom (.ZIP, txt).");

    form.file_types = {"custom"};
    EXPECT_EQ(file_type(at("https://e.com/download"), &form), "custom");

    form.file_types = {"document"};
    EXPECT_EQ(file_type(named("a.zip"), &form), "document");
}

TEST(FileKind, Refusals)
{
    AppForm form;
    EXPECT_EQ(file_refusal(named("a.zip"), form), "");

    form.file_types = {"image"};
    EXPECT_EQ(file_refusal(named("a.png"), form), "");
    EXPECT_EQ(file_refusal(named("a.mp4"), form),
              "This model does not take files of the kind 'video', only "
              "image.");

    form.transfer_methods = {"remote_url"};
    EXPECT_EQ(file_refusal(at("https://e.com/a.png"), form), "");
    EXPECT_NE(file_refusal(named("a.png"), form).find("web address only"),
              std::string::npos);

    form.transfer_methods = {"local_file"};
    EXPECT_EQ(file_refusal(named("a.png"), form), "");
    EXPECT_NE(file_refusal(at("https://e.com/a.png"), form).find("the data"),
              std::string::npos);
}

TEST(FileKind, MediaType)
{
    EXPECT_EQ(media_type(named("a.jpg")), "image/jpeg");
    EXPECT_EQ(media_type(named("a.PDF")), "application/pdf");
    EXPECT_EQ(media_type(named("a")), "application/octet-stream");
}

}  // namespace
}  // namespace opendify
