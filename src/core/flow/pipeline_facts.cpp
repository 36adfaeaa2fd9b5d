// What is known of an answer.

#include "flow/pipeline_impl.hpp"
#include "flow/turn_tail.hpp"

namespace opendify {

bool Pipeline::started() const
{
    return impl_->writer->started() || progress_.closing;
}

bool Pipeline::stirred() const
{
    return impl_->decoder->stirred();
}

bool Pipeline::is_other_text() const
{
    return impl_->muted || impl_->writer->is_cut();
}

bool Pipeline::is_cut_short() const
{
    return impl_->writer->is_cut() && progress_.closing && !progress_.failed
           && !impl_->decoder->over();
}

std::unique_ptr<TurnTail> Pipeline::leave(AppMode mode)
{
    return std::make_unique<StreamTail>(std::move(impl_->parser), mode,
                                        impl_->limits);
}

const Failure &Pipeline::failure() const
{
    return impl_->failure;
}

const std::string &Pipeline::task_id() const
{
    return impl_->decoder->task_id();
}

const std::string &Pipeline::conversation_id() const
{
    return impl_->decoder->conversation_id();
}

const std::string &Pipeline::message_id() const
{
    return impl_->decoder->message_id();
}

const Usage &Pipeline::usage() const
{
    return impl_->usage;
}

bool Pipeline::has_usage() const
{
    return impl_->has_usage;
}

std::string_view Pipeline::finish_reason() const
{
    if (!ended()) {
        return {};
    }

    return openai::finish_name(impl_->finish);
}

std::size_t Pipeline::skipped_events() const
{
    return impl_->decoder->skipped();
}

std::size_t Pipeline::glued_events() const
{
    return impl_->decoder->glued();
}

std::size_t Pipeline::broken_events() const
{
    return impl_->decoder->broken();
}

Digest Pipeline::digest() const
{
    return impl_->writer->digest();
}

std::size_t Pipeline::text_bytes() const
{
    return impl_->writer->text_bytes();
}

}  // namespace opendify
