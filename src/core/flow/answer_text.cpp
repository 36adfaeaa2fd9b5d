// The AnswerWriter's text, once it is told from thoughts: stop sequences are
// looked for in it, as if the thoughts between were not there.

#include "flow/answer_writer.hpp"

namespace opendify {

void AnswerWriter::on_text(std::string_view piece)
{
    if (stops_.idle()) {
        say(piece);
        return;
    }

    sure_.clear();
    stops_.feed(piece, sure_);
    say(sure_);
}

// No stop sequence spans what follows.
void AnswerWriter::say_held()
{
    sure_.clear();
    stops_.flush(sure_);
    say(sure_);
}

void AnswerWriter::say(std::string_view piece)
{
    if (piece.empty()) {
        return;
    }

    close_thoughts();

    if (after_block_ && piece[0] != '\n') {
        joined_.assign(std::string_view("\n\n").substr(breaks_)).append(piece);
        piece = joined_;
    }

    after_block_ = false;

    if (!pacer_.keep(piece, now_ms_)) {
        hurry();
        put_text(piece);
    }
}

void AnswerWriter::finish_text()
{
    splitter_.finish(*this);
    say_held();
}

}  // namespace opendify
