#include "state/date_words.hpp"

#include <algorithm>
#include <iterator>

namespace opendify::state {
namespace {

constexpr std::size_t kLongest = 24;

// Each list in the order of its bytes.
constexpr std::string_view kAlways[] = {
    "aedt", "aest", "bst", "cdt", "cest", "cet", "cst", "cuma", "cumartesi",
    "czwartek", "december", "dienstag", "dimanche", "dinsdag", "domenica",
    "domingo", "donderdag", "donnerstag", "edt", "eest", "eet", "est",
    "february", "freitag", "fri", "friday", "giovedì", "gmt", "ist",
    "january", "jeudi", "jst", "jueves", "july", "kst", "lundi", "lunedì",
    "lunes", "maandag", "mardi", "martedì", "martes", "mdt", "mercoledì",
    "mercredi", "mittwoch", "miércoles", "mon", "monday", "montag", "msk",
    "mst", "niedziela", "november", "nzdt", "nzst", "october", "pazar",
    "pazartesi", "pdt", "perşembe", "piątek", "poniedziałek", "pst",
    "quarta-feira", "quinta-feira", "sabato", "salı", "samedi", "samstag",
    "sat", "saturday", "segunda-feira", "september", "sexta-feira", "sobota",
    "sonnabend", "sonntag", "sun", "sunday", "sábado", "terça-feira", "thu",
    "thur", "thurs", "thursday", "tue", "tues", "tuesday", "utc", "vendredi",
    "venerdì", "viernes", "vrijdag", "wed", "wednesday", "wet", "woensdag",
    "wtorek", "zaterdag", "zondag", "çarşamba", "środa", "воскресенье",
    "вторник", "понедельник", "пятница", "пятницу", "среда", "среду",
    "суббота", "субботу", "четверг",
};

constexpr std::string_view kInADate[] = {
    "abr", "abril", "ago", "agosto", "am", "août", "apr", "april", "aprile",
    "aralık", "aug", "august", "augustus", "avr", "avril", "ağustos",
    "czerwca", "dec", "dez", "dezember", "dezembro", "di", "dic", "dicembre",
    "diciembre", "dim", "do", "dom", "déc", "décembre", "ekim", "ene",
    "enero", "eylül", "feb", "febbraio", "febrero", "februar", "februari",
    "fev", "fevereiro", "fr", "févr", "février", "gen", "gennaio", "gio",
    "giu", "giugno", "grudnia", "haziran", "jan", "janeiro", "januar",
    "januari", "janv", "janvier", "jeu", "jue", "juil", "juillet", "juin",
    "jul", "julho", "juli", "julio", "jun", "june", "junho", "juni", "junio",
    "jänner", "kasım", "kwietnia", "lipca", "listopada", "lug", "luglio",
    "lun", "lutego", "maart", "mag", "maggio", "mai", "maio", "maja", "mar",
    "marca", "march", "mars", "marzo", "março", "may", "mayo", "mayıs", "mei",
    "mer", "mi", "mié", "mo", "mrt", "mär", "märz", "nisan", "nov",
    "novembre", "novembro", "noviembre", "ocak", "oct", "octobre", "octubre",
    "okt", "oktober", "ott", "ottobre", "out", "outubro", "października",
    "pm", "quarta", "quinta", "sa", "sam", "segunda", "sep", "sept",
    "septembre", "septiembre", "set", "setembro", "settembre", "sexta",
    "sierpnia", "so", "stycznia", "sáb", "temmuz", "terça", "ven", "vie",
    "września", "şubat", "август", "августа", "апрель", "апреля", "вс", "вт",
    "декабрь", "декабря", "июль", "июля", "июнь", "июня", "май", "март",
    "марта", "мая", "ноябрь", "ноября", "октябрь", "октября", "пн", "пт",
    "сб", "сентябрь", "сентября", "ср", "февраль", "февраля", "чт", "январь",
    "января",
};

// None begins with another.
constexpr std::string_view kUnparted[] = {
    "上午", "下午", "中午", "凌晨", "午前", "午後", "周一", "周三", "周二", "周五", "周六", "周四",
    "周日", "土曜日", "日曜日", "早上", "星期一", "星期三", "星期二", "星期五", "星期六", "星期四",
    "星期天", "星期日", "晚上", "月曜日", "木曜日", "水曜日", "火曜日", "礼拜一", "礼拜三", "礼拜二",
    "礼拜五", "礼拜六", "礼拜四", "礼拜天", "礼拜日", "禮拜一", "禮拜三", "禮拜二", "禮拜五", "禮拜六",
    "禮拜四", "禮拜天", "禮拜日", "週一", "週三", "週二", "週五", "週六", "週四", "週日", "金曜日",
    "금요일", "목요일", "수요일", "오전", "오후", "월요일", "일요일", "토요일", "화요일",
};

template <std::size_t N>
constexpr bool is_sorted(const std::string_view (&words)[N])
{
    for (std::size_t i = 1; i < N; i++) {
        if (words[i - 1] >= words[i] || words[i].size() > kLongest) {
            return false;
        }
    }

    return words[0].size() <= kLongest;
}

static_assert(is_sorted(kAlways) && is_sorted(kInADate)
              && is_sorted(kUnparted));

template <std::size_t N>
bool has(const std::string_view (&words)[N], std::string_view word)
{
    return std::binary_search(std::begin(words), std::end(words), word);
}

// A byte of a small letter for one of a capital: of ASCII, Latin-1 and
// Cyrillic. `before` is the byte before it, which may change too.
char small(char c, char &before)
{
    const auto byte = static_cast<unsigned char>(c);

    if (c >= 'A' && c <= 'Z') {
        return static_cast<char>(c | 0x20);
    }

    if (before == '\xc3' && byte >= 0x80 && byte <= 0x9e) {
        return static_cast<char>(byte + 0x20);
    }

    if (before == '\xd0' && byte >= 0x90 && byte <= 0x9f) {
        return static_cast<char>(byte + 0x20);
    }

    if (before == '\xd0' && byte >= 0xa0 && byte <= 0xaf) {
        before = '\xd1';
        return static_cast<char>(byte - 0x20);
    }

    return c;
}

// Of scripts whose digits are one behind the other, the first one.
constexpr std::string_view kZeros[] = {
    "\xd9\xa0", "\xdb\xb0", "\xe0\xa5\xa6", "\xe0\xa7\xa6", "\xe0\xb9\x90",
    "\xef\xbc\x90",
};

}  // namespace

DateWord date_word(std::string_view word)
{
    char folded[kLongest + 1] = {};

    if (word.size() > kLongest) {
        return DateWord::none;
    }

    for (std::size_t i = 0; i < word.size(); i++) {
        folded[i + 1] = small(word[i], folded[i]);
    }

    word = { folded + 1, word.size() };

    return has(kAlways, word)    ? DateWord::always
           : has(kInADate, word) ? DateWord::in_a_date
                                 : DateWord::none;
}

std::size_t unparted_date_word(std::string_view text)
{
    if (text.empty() || static_cast<unsigned char>(text[0]) < 0xe0) {
        return 0;
    }

    const auto *after =
        std::upper_bound(std::begin(kUnparted), std::end(kUnparted), text);

    if (after == std::begin(kUnparted)) {
        return 0;
    }

    const std::string_view word = *std::prev(after);

    return text.substr(0, word.size()) == word ? word.size() : 0;
}

std::size_t digit_size(std::string_view text)
{
    if (text.empty()) {
        return 0;
    }

    if (static_cast<unsigned char>(text[0]) < 0x80) {
        return text[0] >= '0' && text[0] <= '9' ? 1 : 0;
    }

    for (const std::string_view zero : kZeros) {
        const std::size_t before = zero.size() - 1;

        if (text.size() >= zero.size()
            && text.substr(0, before) == zero.substr(0, before)
            && text[before] >= zero[before]
            && text[before] <= static_cast<char>(zero[before] + 9))
        {
            return zero.size();
        }
    }

    return 0;
}

}  // namespace opendify::state
