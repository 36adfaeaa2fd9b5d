// The tags of thoughts, recognised at the beginning of some bytes. What a
// match says depends on the bytes up to its end only: more of them never
// change a `no` or a `full`.

#ifndef OPENDIFY_FLOW_THINK_TAGS_HPP
#define OPENDIFY_FLOW_THINK_TAGS_HPP

#include <cstddef>
#include <string_view>

namespace opendify {

struct TagMatch {
    enum class Verdict {
        no,
        partial,  // the bytes end too early to say
        full,
    };

    Verdict          verdict = Verdict::no;
    std::size_t      size = 0;   // of a full match
    std::string_view text = {};  // what an entity stands for
};

// <think ...>, any case.
TagMatch match_think(std::string_view bytes);
// <details ... type="reasoning" ...>, as Open WebUI stores thoughts, or
// <details ...> <summary> Thinking... </summary>, as Dify 0.15 writes them.
TagMatch match_details(std::string_view bytes);
// `begin` ("</think"), blanks, ">"; any case.
TagMatch match_closing(std::string_view bytes, std::string_view begin);
// The very bytes.
TagMatch match_literal(std::string_view bytes, std::string_view expected);
// "&lt;" and what else Python's html.escape() writes.
TagMatch match_entity(std::string_view bytes);

// How many of the first bytes are in `set`.
std::size_t run_of(std::string_view set, std::string_view bytes);
// How many of them neither are wire::kMarkupBytes nor end a line.
std::size_t run_of_plain(std::string_view bytes);

}  // namespace opendify

#endif
