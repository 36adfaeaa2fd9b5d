// Events that were too large: only their first bytes are there, enough to
// know what they are.

#include "dify/decode_error.hpp"
#include "dify/decode_stream.hpp"

namespace opendify::dify {

void StreamDecoder::on_cut(std::string_view head)
{
    const std::string_view name = head_string(head, "event");

    switch (meaning_of(name)) {
    case Meaning::file:
        if (head_has(head, "answer") && on_cut_text(name)) {
            return;
        }

        break;

    case Meaning::text:
    case Meaning::chunk:
    case Meaning::replace:
    case Meaning::replace_chunk:
        if (on_cut_text(name)) {
            return;
        }

        break;

    case Meaning::message_end:  // citations made it large
        end();
        return;

    case Meaning::run_finished:
        on_cut_run_finished(head);
        return;

    case Meaning::run_paused:
        on_paused({});
        return;

    case Meaning::form_timeout:
        on_form_timeout({});
        return;

    case Meaning::error:
        fail(failure_from(
            {ErrorSource::event, 0, head_string(head, "code"), {}}));
        return;

    case Meaning::node_finished:
        node_lost_ = true;
        break;

    case Meaning::form_filled:
        form_.reset();
        break;

    default:
        break;
    }

    skipped_++;
}

// False if it says nothing new: the whole answer of a New Agent, said before
// piece by piece.
bool StreamDecoder::on_cut_text(std::string_view name)
{
    if (name == "message" && !spoken_.empty()) {
        return false;
    }

    fail({Errc::event_too_large,
          "A piece of the answer is larger than this server accepts.",
          {},
          {}});

    return true;
}

void StreamDecoder::on_cut_run_finished(std::string_view head)
{
    const std::string_view status = head_string(head, "status");

    if (status.empty()) {
        skipped_++;

    } else if (status == "failed" || said_) {
        on_run_finished(status, {});

    } else {
        fail({Errc::event_too_large,
              "The result of the app is larger than this server accepts.",
              {},
              {}});
    }
}

}  // namespace opendify::dify
