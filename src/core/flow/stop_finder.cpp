#include "flow/stop_finder.hpp"

#include <algorithm>

namespace opendify {

bool StopFinder::Seeker::step(char c)
{
    if (matched_ == text_.size()) {
        matched_ = borders_[matched_ - 1];
    }

    while (matched_ != 0 && text_[matched_] != c) {
        matched_ = borders_[matched_ - 1];
    }

    if (text_[matched_] == c) {
        matched_++;
        learn();
    }

    return matched_ == text_.size();
}

// The border of what has matched, before it is needed: so only what an answer
// comes to takes time and memory, however long the sequence is.
void StopFinder::Seeker::learn()
{
    if (borders_.size() >= matched_) {
        return;
    }

    const char  last = text_[matched_ - 1];
    std::size_t border = matched_ == 1 ? 0 : borders_.back();

    while (border != 0 && text_[border] != last) {
        border = borders_[border - 1];
    }

    if (matched_ != 1 && text_[border] == last) {
        border++;
    }

    borders_.push_back(static_cast<std::uint32_t>(border));
}

// Where in held_, whose byte at `at` is new, a sequence may begin.
std::size_t StopFinder::look_at(std::size_t at)
{
    std::size_t longest = 0;

    for (Seeker &seeker : seekers_) {
        if (seeker.step(held_[at])) {
            cut_ = std::min(cut_, at + 1 - seeker.size());
        }

        longest = std::max(longest, seeker.matched());
    }

    return at + 1 - longest;
}

void StopFinder::show(std::size_t end, std::string &shown)
{
    shown.append(held_, begin_, end - begin_);
    begin_ = end;
}

void StopFinder::feed(std::string_view piece, std::string &shown)
{
    std::size_t may_begin = begin_;

    if (found_) {
        return;
    }

    // Once the larger half was shown.
    if (begin_ * 2 >= held_.size()) {
        held_.erase(0, begin_);
        cut_ = cut_ == kNowhere ? cut_ : cut_ - begin_;
        begin_ = 0;
    }

    std::size_t at = held_.size();

    for (held_.append(piece); at < held_.size(); at++) {
        may_begin = look_at(at);

        // One that begins before it could still come.
        if (cut_ <= may_begin) {
            flush(shown);
            return;
        }
    }

    if (!piece.empty()) {
        show(may_begin, shown);
    }
}

void StopFinder::flush(std::string &shown)
{
    const bool found = found_ || cut_ != kNowhere;

    show(std::min(cut_, held_.size()), shown);
    reset();
    found_ = found;
}

void StopFinder::reset()
{
    for (Seeker &seeker : seekers_) {
        seeker.reset();
    }

    found_ = false;
    held_.clear();
    begin_ = 0;
    cut_ = kNowhere;
}

}  // namespace opendify
