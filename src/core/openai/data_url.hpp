// Bytes that travel as text.

#ifndef OPENDIFY_OPENAI_DATA_URL_HPP
#define OPENDIFY_OPENAI_DATA_URL_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace opendify::openai {

// Whether `url` begins with `scheme`, "data:" or "http://", in any case.
bool has_scheme(std::string_view url, std::string_view scheme);

// RFC 4648 §4 or §5, as encoders write it: padded or not, in lines or with
// blanks in it; false if it is anything else.
bool decode_base64(std::string_view text, std::string &bytes);

// The same in pieces, cut anywhere.
class Base64Decoder {
public:
    // Appends to `bytes`; false if that is no base64.
    [[nodiscard]] bool add(std::string_view text, std::string &bytes);
    // Whether the text may end here.
    [[nodiscard]] bool finish() const
    {
        return characters_ % 4 == 0 || (padding_ == 0 && characters_ % 4 != 1);
    }

private:
    bool add_one(char c, std::string &bytes);

    std::uint32_t bits_ = 0;
    std::size_t   characters_ = 0;
    std::size_t   padding_ = 0;
};

// What a data: URL is made of.
struct DataUrl {
    std::string      mime;   // see below
    std::string_view data;   // in the URL, or in `plain`
    std::string      plain;  // where the URL is percent-encoded
    bool             base64 = false;
};

bool split_data_url(std::string_view url, DataUrl &out);

// In lower case, without parameters; "" if it is more than letters, digits and
// what RFC 6838 §4.2 adds to them: it ends up in a header.
std::string mime_in(std::string_view text);

// Without blanks and line ends around it.
std::string_view without_blanks(std::string_view text);

// data:[mime][;parameter]*[;base64],data (RFC 2397), percent-encoded or not.
// `mime` is in lower case and without parameters, "" if there is none or if it
// is more than letters, digits and what RFC 6838 §4.2 adds to them.
bool decode_data_url(std::string_view url, std::string &mime,
                     std::string &bytes);

}  // namespace opendify::openai

#endif
