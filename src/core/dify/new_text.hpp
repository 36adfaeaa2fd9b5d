// A New Agent says its answer piece by piece and then once more as a whole.

#ifndef OPENDIFY_DIFY_NEW_TEXT_HPP
#define OPENDIFY_DIFY_NEW_TEXT_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace opendify::dify {

// What was said. Blanks do not count (they differ between the steps of a run)
// and are not kept: however many there are, nobody goes over them again.
class SaidText {
public:
    void add(std::string_view piece);
    void clear();

    bool empty() const { return words_.empty() && !ends_blank_; }
    std::size_t size() const { return words_.size(); }  // bytes that are kept

    // The part of `whole` that was not said yet: nothing if what was said ends
    // with it or begins with it, its rest if it begins with what was said, all
    // of it if they differ. `whole` may lack the texts of earlier steps. A
    // view into `whole`, over which it goes twice at most.
    std::string_view new_in(std::string_view whole) const;

private:
    bool ends_with(std::string_view tail) const;
    std::size_t covered(std::string_view whole) const;

    std::string words_;
    bool        ends_blank_ = false;
};

}  // namespace opendify::dify

#endif
