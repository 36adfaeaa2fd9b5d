// Words of which a date or a time is made, in the languages of most chats.

#ifndef OPENDIFY_STATE_DATE_WORDS_HPP
#define OPENDIFY_STATE_DATE_WORDS_HPP

#include <cstddef>
#include <string_view>

namespace opendify::state {

enum class DateWord {
    none,
    always,    // a day, a month that is nothing else, a time zone
    in_a_date, // one of them only beside a number or a day: May, April
};

// What a word is, whatever its case: a run of ASCII letters and of bytes over
// 0x7f. Constant time but for the length of the longest known word.
DateWord date_word(std::string_view word);

// How many bytes of a text that begins with a byte over 0x7f are a word of a
// date in a script that parts no words (a day, before or after noon); 0: none.
std::size_t unparted_date_word(std::string_view text);

// How many bytes the digit has that begins the text, in any of the scripts
// that write dates with their own; 0: it begins with none.
std::size_t digit_size(std::string_view text);

}  // namespace opendify::state

#endif
