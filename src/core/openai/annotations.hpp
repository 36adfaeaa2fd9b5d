// The sources of an answer as `annotations` (openai-api §2.3, §8.2).

#ifndef OPENDIFY_OPENAI_ANNOTATIONS_HPP
#define OPENDIFY_OPENAI_ANNOTATIONS_HPP

#include <cstddef>
#include <string>
#include <vector>

#include "opendify/turn.hpp"

namespace opendify::openai {

// Bounds on the sources that are shown, also in footnotes.
inline constexpr std::size_t kMaxCitations = 64;
inline constexpr std::size_t kMaxUrlBytes = 2048;  // no cut address is useful
inline constexpr std::size_t kMaxTitleBytes = 256;

// Keeps kMaxCitations sources, each once; one whose address is too long
// is left out.
class Annotations {
public:
    void add(const Citation &citation);
    void clear() { kept_.clear(); }
    bool empty() const { return kept_.empty(); }

    // The array, appended.
    void write(std::string &out) const;

private:
    std::vector<std::string> kept_;  // as they go out
};

}  // namespace opendify::openai

#endif
