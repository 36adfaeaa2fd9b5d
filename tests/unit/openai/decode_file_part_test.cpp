#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "opendify/endpoint.hpp"

namespace opendify {

namespace {

using Kind = Attachment::Kind;

// The second message has these parts after a text.
std::string with_parts(const std::string &parts,
                       const std::string &role = "user")
{
    return R"({"model":"m","messages":[{"role":"system","content":"s"},)"
           R"({"role":")" + role
           + R"(","content":[{"type":"text","text":"t"},)" + parts + "]}]}";
}

std::string image(const std::string &value)
{
    return R"({"type":"image_url","image_url":)" + value + "}";
}

std::string audio(const std::string &value)
{
    return R"({"type":"input_audio","input_audio":)" + value + "}";
}

std::string file(const std::string &value)
{
    return R"({"type":"file","file":)" + value + "}";
}

Attachment only_file(const std::string &part)
{
    auto turn = decode_chat_request(with_parts(part), Limits{});

    EXPECT_TRUE(turn) << part << (turn ? "" : turn.failure().message);
    if (!turn || turn->messages[1].files.size() != 1) {
        ADD_FAILURE() << part;
        return {};
    }

    EXPECT_EQ(turn->messages[1].text, "t");
    EXPECT_EQ(turn->messages[1].files[0].param, "messages[1].content[1]");
    EXPECT_EQ(turn->messages[1].files[0].upload_id, "");
    return turn->messages[1].files[0];
}

// `member` is what stands behind the name of the part.
void expect_refused(const std::string &part, Errc errc,
                    const std::string &member, Limits limits = {})
{
    auto turn = decode_chat_request(with_parts(part), limits);
    std::string param = "messages[1].content[1]" + member;

    ASSERT_FALSE(turn) << part;
    EXPECT_EQ(turn.failure().errc, errc) << part;
    EXPECT_EQ(turn.failure().param, param) << part;
    EXPECT_NE(turn.failure().message.find("'" + param + "'"),
              std::string::npos)
        << turn.failure().message;
    EXPECT_EQ(turn.failure().message.find("Canary"), std::string::npos);
}

TEST(DecodeFilePart, AnAddressIsPassedOn)
{
    Attachment seen = only_file(
        image(R"({"url":"https://x/a.png?k=1","detail":"high"})"));

    EXPECT_EQ(seen.kind, Kind::image);
    EXPECT_EQ(seen.url, "https://x/a.png?k=1");
    EXPECT_EQ(seen.bytes, "");
    EXPECT_EQ(seen.name, "a.png");
    EXPECT_EQ(seen.mime, "");

    seen = only_file(image(R"("HTTP://x/picture")"));
    EXPECT_EQ(seen.url, "HTTP://x/picture");
    EXPECT_EQ(seen.name, "");
}

TEST(DecodeFilePart, ADataUrlIsDecoded)
{
    Attachment seen =
        only_file(image(R"({"url":"data:image/webp;base64,aGk="})"));

    EXPECT_EQ(seen.kind, Kind::image);
    EXPECT_EQ(seen.url, "");
    EXPECT_EQ(seen.bytes, "hi");
    EXPECT_EQ(seen.name, "image.webp");
    EXPECT_EQ(seen.mime, "image/webp");

    seen = only_file(image(R"({"url":"data:;base64,aGk="})"));
    EXPECT_EQ(seen.kind, Kind::image);
    EXPECT_EQ(seen.name, "image");
}

TEST(DecodeFilePart, ThePictureItselfSaysWhatItIs)
{
    Attachment seen = only_file(
        image(R"({"url":"data:image/jpeg;base64,iVBORw0KGgo="})"));

    EXPECT_EQ(seen.name, "image.png");
    EXPECT_EQ(seen.mime, "image/png");
}

TEST(DecodeFilePart, NotEveryPictureIsOne)
{
    Attachment seen = only_file(
        image(R"({"url":"data:application/pdf;base64,aGk="})"));

    EXPECT_EQ(seen.kind, Kind::document);
    EXPECT_EQ(seen.name, "file.pdf");
}

TEST(DecodeFilePart, RefusesBadPictures)
{
    const Errc bad = Errc::bad_value;
    const Errc missing = Errc::missing_field;

    expect_refused(image("null"), missing, ".image_url");
    expect_refused(R"({"type":"image_url"})", missing, ".image_url");
    expect_refused(image("7"), bad, ".image_url");
    expect_refused(image("[]"), bad, ".image_url");
    expect_refused(image(R"("")"), bad, ".image_url");
    expect_refused(image("{}"), missing, ".image_url.url");
    expect_refused(image(R"({"url":7})"), bad, ".image_url.url");

    for (std::string url :
         {"", "Canary", "http:", "http:Canary", "ftp://Canary/a.png",
          "file:///Canary", "blob:Canary", "//Canary/a.png", "data:Canary",
          "data:image/png;base64,", "data:,",
          "data:image/png;base64,CanaryCan", "data:image/png;base64,Canary!=",
          "data:image/png;base64,Can\\nary="})
    {
        expect_refused(image(R"({"url":")" + url + R"("})"), bad,
                       ".image_url.url");
    }
}

TEST(DecodeFilePart, AudioIsBase64)
{
    Attachment seen = only_file(audio(R"({"data":"aGk=","format":"wav"})"));

    EXPECT_EQ(seen.kind, Kind::audio);
    EXPECT_EQ(seen.bytes, "hi");
    EXPECT_EQ(seen.name, "audio.wav");
    EXPECT_EQ(seen.mime, "audio/wav");

    seen = only_file(audio(R"({"data":"data:audio/wav;base64,aGk=",)"
                           R"("format":"wav"})"));
    EXPECT_EQ(seen.bytes, "hi");

    seen = only_file(audio(R"({"data":"aGk=","format":"mp3"})"));
    EXPECT_EQ(seen.name, "audio.mp3");
    EXPECT_EQ(seen.mime, "audio/mpeg");
}

TEST(DecodeFilePart, RefusesBadAudio)
{
    const Errc bad = Errc::bad_value;
    const Errc missing = Errc::missing_field;

    expect_refused(audio("null"), missing, ".input_audio");
    expect_refused(audio(R"("Canary")"), bad, ".input_audio");
    expect_refused(audio(R"({"data":"aGk="})"), missing,
                   ".input_audio.format");
    expect_refused(audio(R"({"data":"aGk=","format":"Canary"})"), bad,
                   ".input_audio.format");
    expect_refused(audio(R"({"format":"wav"})"), missing,
                   ".input_audio.data");
    expect_refused(audio(R"({"data":"","format":"wav"})"), bad,
                   ".input_audio.data");
    expect_refused(audio(R"({"data":"Canary!","format":"wav"})"), bad,
                   ".input_audio.data");
}

TEST(DecodeFilePart, AFileIsADataUrlOrBase64)
{
    Attachment seen = only_file(
        file(R"({"filename":"r\u00e9sum\u00e9.pdf",)"
             R"("file_data":"data:application/pdf;base64,aGk="})"));

    EXPECT_EQ(seen.kind, Kind::document);
    EXPECT_EQ(seen.bytes, "hi");
    EXPECT_EQ(seen.name, "r\xc3\xa9sum\xc3\xa9.pdf");
    EXPECT_EQ(seen.mime, "application/pdf");

    seen = only_file(file(R"({"filename":"a.png","file_data":"aGk=",)"
                          R"("file_id":null})"));
    EXPECT_EQ(seen.kind, Kind::image);
    EXPECT_EQ(seen.name, "a.png");
    EXPECT_EQ(seen.mime, "image/png");

    seen = only_file(file(R"({"file_data":"data:text/csv,a%2Cb"})"));
    EXPECT_EQ(seen.bytes, "a,b");
    EXPECT_EQ(seen.name, "file.csv");
}

TEST(DecodeFilePart, RefusesBadFiles)
{
    const Errc bad = Errc::bad_value;
    const Errc missing = Errc::missing_field;

    expect_refused(file("null"), missing, ".file");
    expect_refused(file(R"("Canary")"), bad, ".file");
    expect_refused(file("{}"), missing, ".file.file_data");
    expect_refused(file(R"({"file_id":"file-Canary"})"),
                   Errc::unsupported_value, ".file.file_id");
    expect_refused(file(R"({"file_id":"x","file_data":"aGk="})"),
                   Errc::unsupported_value, ".file.file_id");
    expect_refused(file(R"({"filename":7,"file_data":"aGk="})"), bad,
                   ".file.filename");
    expect_refused(file(R"({"file_data":""})"), bad, ".file.file_data");
    expect_refused(file(R"({"file_data":"Canary#"})"), bad,
                   ".file.file_data");
    expect_refused(file(R"({"file_data":"ftp://x/Canary"})"), bad,
                   ".file.file_data");
}

TEST(DecodeFilePart, KeepsToTheLimits)
{
    Limits limits;
    limits.max_file_bytes = 2;
    limits.max_files = 1;

    std::string small = image(R"("data:image/png;base64,aGk=")");
    std::string large = image(R"("data:image/png;base64,aGk1")");

    EXPECT_TRUE(decode_chat_request(with_parts(small), limits));
    expect_refused(large, Errc::bad_value, ".image_url", limits);
    expect_refused(audio(R"({"data":"aGk1","format":"wav"})"),
                   Errc::bad_value, ".input_audio.data", limits);

    auto two = decode_chat_request(with_parts(small + "," + small), limits);
    ASSERT_FALSE(two);
    EXPECT_EQ(two.failure().errc, Errc::bad_value);
    EXPECT_EQ(two.failure().param, "messages[1].content[2]");
}

TEST(DecodeFilePart, KeepsTheOrder)
{
    auto turn = decode_chat_request(
        with_parts(image(R"("https://x/1.png")") + ","
                   + R"({"type":"text","text":"u"},)"
                   + file(R"({"file_data":"aGk=","filename":"2.txt"})")),
        Limits{});

    ASSERT_TRUE(turn);
    ASSERT_EQ(turn->messages[1].files.size(), 2u);
    EXPECT_EQ(turn->messages[1].text, "t\nu");
    EXPECT_EQ(turn->messages[1].files[0].name, "1.png");
    EXPECT_EQ(turn->messages[1].files[1].name, "2.txt");
    EXPECT_EQ(turn->messages[1].files[1].param, "messages[1].content[3]");
}

TEST(DecodeFilePart, OnlyUsersAndToolsBringFiles)
{
    const std::string picture = image(R"("https://x/1.png")");

    for (std::string role : {"system", "developer", "assistant"}) {
        auto turn = decode_chat_request(with_parts(picture, role), Limits{});

        ASSERT_FALSE(turn) << role;
        EXPECT_EQ(turn.failure().errc, Errc::unsupported_value);
        EXPECT_EQ(turn.failure().param, "messages[1].content[1]");
        EXPECT_NE(turn.failure().message.find("'image_url'"),
                  std::string::npos);
    }

    auto turn = decode_chat_request(with_parts(picture, "tool"), Limits{});

    ASSERT_TRUE(turn);
    ASSERT_EQ(turn->messages[1].files.size(), 1u);
    EXPECT_EQ(turn->messages[1].files[0].url, "https://x/1.png");
}

TEST(DecodeFilePart, OtherDialectsBringTheSameFiles)
{
    for (std::string part : {
             R"({"type":"input_image","image_url":"data:image/gif;base64,aGk"})",
             R"({"type":"input_image","image_url":)"
             R"({"url":"data:image/gif;base64,aGk="}})",
             R"({"type":"image","source":{"type":"base64",)"
             R"("media_type":"image/gif","data":"aGk="}})",
             R"({"type":"image","source_type":"base64",)"
             R"("mime_type":"image/gif","data":"aG\nk="})",
             R"({"type":"image","base64":"aGk=","mime_type":"IMAGE/GIF"})",
             R"({"type":"image","image":"aGk=","mimeType":"image/gif"})",
             R"({"type":"image","image":"data:image/gif;base64,aGk="})",
             R"({"type":"image","data":"aGk=","mimeType":"image/gif"})",
             R"({"type":"file","data":"aGk=","mediaType":"image/gif"})",
             R"({"type":"file","file":{"data":"aGk","mime_type":"image/gif"}})",
             R"({"type":"file","file":{"fileData":"aGk","name":"a.gif"}})",
             R"({"type":"file","file":"data:image/gif;base64,aGk="})",
             R"({"type":"image_url","url":"data:image/gif;base64,aGk="})",
         })
    {
        Attachment seen = only_file(part);

        EXPECT_EQ(seen.kind, Kind::image) << part;
        EXPECT_EQ(seen.bytes, "hi") << part;
        EXPECT_EQ(seen.mime, "image/gif") << part;
        EXPECT_NE(seen.name.find(".gif"), std::string::npos) << seen.name;
    }

    Attachment seen = only_file(
        R"({"type":"input_file","filename":"a.pdf","file_data":"aGk="})");
    EXPECT_EQ(seen.kind, Kind::document);
    EXPECT_EQ(seen.name, "a.pdf");

    seen = only_file(R"({"type":"document","title":"b","source":{"type":)"
                     R"("base64","media_type":"application/pdf","data":"aGk"}})");
    EXPECT_EQ(seen.kind, Kind::document);
    EXPECT_EQ(seen.name, "b.pdf");
}

TEST(DecodeFilePart, ASoundSaysWhatItIsOnce)
{
    for (std::string part : {
             R"({"type":"input_audio","data":"aGk=","format":"wav"})",
             R"({"type":"input_audio","input_audio":)"
             R"({"data":"data:audio/wav;base64,aGk="}})",
             R"({"type":"audio","audio":{"data":"aGk=","format":"wav"}})",
             R"({"type":"audio_url","audio_url":"data:audio/wav;base64,aGk"})",
         })
    {
        Attachment seen = only_file(part);

        EXPECT_EQ(seen.kind, Kind::audio) << part;
        EXPECT_EQ(seen.bytes, "hi") << part;
        EXPECT_EQ(seen.mime, "audio/wav") << part;
        EXPECT_EQ(seen.name, "audio.wav") << part;
    }
}

TEST(DecodeFilePart, OtherDialectsBringAddresses)
{
    struct {
        std::string part;
        Kind        kind;
    } cases[] = {
        { R"({"type":"video_url","video_url":{"url":"https://x/a"}})",
          Kind::video },
        { R"({"type":"audio_url","audio_url":"https://x/a"})", Kind::audio },
        { R"({"type":"input_video","video_url":"https://x/a"})", Kind::video },
        { R"({"type":"image_url","image_url":" https://x/a\n"})", Kind::image },
        { R"({"type":"file","file":{"file_url":"https://x/a"}})",
          Kind::document },
        { R"({"type":"file","file":{"url":"https://x/a"}})", Kind::document },
        { R"({"type":"file","file":{"file_data":"https://x/a"}})",
          Kind::document },
        { R"({"type":"file_url","file_url":{"url":"https://x/a"}})",
          Kind::document },
        { R"({"type":"image","url":"https://x/a"})", Kind::image },
        { R"({"type":"image","image":"https://x/a"})", Kind::image },
        { R"({"type":"image","source":{"type":"url","url":"https://x/a"}})",
          Kind::image },
        { R"({"type":"input_file","file_url":"https://x/a"})",
          Kind::document },
        { R"({"type":"file","url":"https://x/a","mime_type":"audio/wav"})",
          Kind::audio },
    };

    for (const auto &row : cases) {
        Attachment seen = only_file(row.part);

        EXPECT_EQ(seen.url, "https://x/a") << row.part;
        EXPECT_EQ(seen.kind, row.kind) << row.part;
    }
}

TEST(DecodeFilePart, RefusesBadFilesOfOtherDialects)
{
    const Errc bad = Errc::bad_value;

    expect_refused(R"({"type":"image"})", bad, "");
    expect_refused(R"({"type":"input_file","file_id":"Canary"})", bad, "");
    expect_refused(R"({"type":"image","source":{"type":"base64"}})", bad, "");
    expect_refused(R"({"type":"image","data":7})", bad, ".data");
    expect_refused(R"({"type":"image","image":"Canary#"})", bad, ".image");
    expect_refused(R"({"type":"video_url","video_url":{"url":"Canary"}})",
                   bad, ".video_url.url");
    expect_refused(R"({"type":"document","source":{"data":"C"}})", bad,
                   ".source.data");
}

TEST(DecodeFilePart, APictureMayBeAllThereIs)
{
    auto turn = decode_chat_request(
        R"({"model":"m","messages":[{"role":"user","content":[)"
        + image(R"("https://x/1.png")") + "]}]}", Limits{});

    ASSERT_TRUE(turn);
    EXPECT_EQ(turn->messages[0].text, "");
    EXPECT_EQ(turn->messages[0].files.size(), 1u);
    EXPECT_EQ(turn->messages[0].files[0].param, "messages[0].content[0]");
}

}  // namespace

}  // namespace opendify
