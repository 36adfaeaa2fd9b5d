// Where a text is to be cut: before the first of some sequences.
//
// Each sequence is sought by itself (Knuth, Morris, Pratt): a byte of the text
// is looked at once for each of them.

#ifndef OPENDIFY_FLOW_STOP_FINDER_HPP
#define OPENDIFY_FLOW_STOP_FINDER_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace opendify {

class StopFinder {
public:
    // The sequences outlive it; none is empty. All UTF-8, so that no character
    // is cut.
    explicit StopFinder(const std::vector<std::string> &sequences)
        : seekers_(sequences.begin(), sequences.end())
    {
    }

    bool idle() const { return seekers_.empty(); }  // nothing is sought
    bool found() const { return found_; }

    // Text, cut anywhere. `shown` gets, appended, what can be shown: what may
    // still become a sequence, or stands behind one that may not be the first,
    // is held. Behind the first one nothing comes any more.
    void feed(std::string_view piece, std::string &shown);
    // The text is over, or no sequence spans what follows: what is held goes
    // out, but for a sequence and what is behind it.
    void flush(std::string &shown);
    // As new, for the same sequences.
    void reset();

private:
    // One sequence and how much of it the text so far ends with.
    class Seeker {
    public:
        explicit Seeker(std::string_view text) : text_(text) {}

        // True: the text ends with all of it.
        bool step(char c);
        void reset() { matched_ = 0; }

        std::size_t size() const { return text_.size(); }
        std::size_t matched() const { return matched_; }

    private:
        void learn();

        std::string_view text_;
        std::size_t      matched_ = 0;

        // The longest proper border of each beginning, as far as one came.
        std::vector<std::uint32_t> borders_;
    };

    static constexpr std::size_t kNowhere = SIZE_MAX;

    std::size_t look_at(std::size_t at);
    void show(std::size_t end, std::string &shown);

    std::vector<Seeker> seekers_;
    bool                found_ = false;
    std::string         held_;              // not yet shown is what comes
    std::size_t         begin_ = 0;         // from here on
    std::size_t         cut_ = kNowhere;    // the first sequence so far
};

}  // namespace opendify

#endif
