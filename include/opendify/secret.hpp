// An app key. It has no conversion and no stream operator, so it cannot slip
// into a log or a message; reveal() is called where the header is written and
// where its hash is taken.

#ifndef OPENDIFY_SECRET_HPP
#define OPENDIFY_SECRET_HPP

#include <string_view>

namespace opendify {

class Secret {
public:
    Secret() = default;

    // Borrows: the bytes must outlive the Secret.
    explicit Secret(std::string_view bytes) : bytes_(bytes) {}

    std::string_view reveal() const { return bytes_; }
    bool empty() const { return bytes_.empty(); }

private:
    std::string_view bytes_;
};

}  // namespace opendify

#endif
