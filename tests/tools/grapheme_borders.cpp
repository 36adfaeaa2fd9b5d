// Prints where texts may be cut, a line for each: offsets in bytes. The texts
// come from stdin, a NUL behind each.

#include <iostream>
#include <string>

#include "flow/grapheme_border.hpp"

int main()
{
    std::ios::sync_with_stdio(false);

    for (std::string text; std::getline(std::cin, text, '\0');) {
        for (std::size_t at = opendify::grapheme_border(text, 0);
             at < text.size(); at = opendify::grapheme_border(text, at + 1))
        {
            std::cout << at << ' ';
        }

        std::cout << '\n';
    }
}
