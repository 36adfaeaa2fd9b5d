#include "flow/answer_writer.hpp"

#include <algorithm>

#include "flow/file_link.hpp"
#include "wire/find_text.hpp"

namespace opendify {

namespace {

constexpr std::string_view kTagOpen = "<think>\n";
constexpr std::string_view kTagClose = "\n</think>\n\n";
constexpr std::string_view kParagraph = "\n\n";

// Where a file's address is looked for; one more link does no harm.
constexpr std::size_t kMaxSeen = 64 << 10;
constexpr std::size_t kMaxFiles = 256;
constexpr std::size_t kMaxCitations = 256;

// The answer is hashed in blocks: a word at a time costs ten times as much.
constexpr std::size_t kHashBlock = 512;

std::unique_ptr<openai::ChatEncoder> make_encoder(const AnswerHead &head,
                                                  const Limits &limits)
{
    if (head.completion) {
        return head.stream
                   ? openai::make_completion_stream_encoder(head)
                   : openai::make_completion_reply_encoder(head, limits);
    }

    return head.stream ? openai::make_chat_stream_encoder(head)
                       : openai::make_chat_reply_encoder(head, limits);
}

}  // namespace

AnswerWriter::AnswerWriter(const AnswerHead &head,
                           const AnswerOptions &options,
                           const Fingerprint &history, const Limits &limits,
                           std::string &out)
    : options_(options), history_(history), out_(out),
      split_(options.reasoning != ReasoningMode::inline_
             || !options.stop.empty()),
      paced_(head.stream && options.pace_ms != 0),
      plain_(!paced_ && options.stop.empty()),
      encoder_(make_encoder(head, limits)), answer_(history),
      pacer_(paced_ ? options.pace_ms : 0), stops_(options.stop)
{
    answer_.begin(Role::assistant);
}

void AnswerWriter::on_release(TurnEvent::Kind kind, std::string_view text)
{
    if (is_cut()) {
        return;
    }

    switch (kind) {
    case TurnEvent::Kind::text:
        if (split_) {
            splitter_.feed(text, *this);

        } else {
            on_text(text);
        }

        break;

    case TurnEvent::Kind::reasoning:
        on_thought(text);
        break;

    case TurnEvent::Kind::reasoning_end:
        on_thought_end();
        break;

    case TurnEvent::Kind::step:
        step(text);
        break;

    case TurnEvent::Kind::file:
        file(text);
        break;

    case TurnEvent::Kind::form:
        splitter_.new_round(*this);
        put_block(text);
        break;

    case TurnEvent::Kind::replace:
    case TurnEvent::Kind::citation:
    case TurnEvent::Kind::usage:
    case TurnEvent::Kind::error:
    case TurnEvent::Kind::end:
        break;
    }
}

void AnswerWriter::on_thought(std::string_view piece)
{
    if (!piece.empty() && options_.reasoning != ReasoningMode::off
        && !is_cut())
    {
        put_thought(piece, Thoughts::open);
    }
}

void AnswerWriter::on_thought_end()
{
    if (thoughts_ == Thoughts::open) {
        thoughts_ = Thoughts::closed;
    }
}

void AnswerWriter::put_text(std::string_view piece)
{
    std::size_t last = piece.find_last_not_of('\n');
    int         ending = static_cast<int>(
        std::min<std::size_t>(piece.size() - 1 - last, 2));

    breaks_ = std::min(
        last == std::string_view::npos ? breaks_ + ending : ending, 2);
    spoken(piece);
    encoder_->text(piece, out_);
}

// A line break would have to be escaped.
[[gnu::hot]]
bool AnswerWriter::put_plain(std::string_view text)
{
    const bool idle = !after_block_ && !tag_open_
                      && (thoughts_ == Thoughts::none
                          || thoughts_ == Thoughts::spoken);

    if (!idle || !plain_ || (split_ && !splitter_.passes_plain())) {
        return false;
    }

    breaks_ = 0;
    spoken(text);
    encoder_->plain(text, out_);

    return true;
}

[[gnu::hot]]
void AnswerWriter::spoken(std::string_view piece)
{
    started_ = true;
    text_bytes_ += piece.size();
    seen_.append(piece);

    if (seen_.size() - hashed_ >= kHashBlock) {
        hash_seen();
    }
}

void AnswerWriter::put_kept(std::string_view piece)
{
    if (!piece.empty()) {
        put_text(piece);
    }
}

void AnswerWriter::put_tag(std::string_view tag)
{
    started_ = true;
    hash_seen();
    answer_.add(tag);
    encoder_->text(tag, out_);
}

// Into the fingerprint.
void AnswerWriter::hash_seen()
{
    answer_.add(std::string_view(seen_).substr(hashed_));

    if (seen_.size() > kMaxSeen) {
        seen_.resize(kMaxSeen);
    }

    hashed_ = seen_.size();
}

Digest AnswerWriter::digest()
{
    hash_seen();

    return answer_.digest();
}

// A paragraph of its own.
void AnswerWriter::put_block(std::string_view block)
{
    say_held();
    hurry();
    close_thoughts();

    if (text_bytes_ > 0 && block.substr(0, kParagraph.size()) != kParagraph) {
        joined_.assign(kParagraph.substr(breaks_)).append(block);
        block = joined_;
    }

    put_text(block);
    after_block_ = true;
}

void AnswerWriter::put_thought(std::string_view piece, Thoughts kind)
{
    bool             tags = options_.reasoning == ReasoningMode::inline_;
    std::string_view gap;

    hurry();

    if (tags && !tag_open_) {
        put_tag(kTagOpen);
        tag_open_ = true;

    } else if (kind == Thoughts::step
               && (thoughts_ == Thoughts::step
                   || thoughts_ == Thoughts::spoken))
    {
        gap = "\n";

    } else if (thoughts_ == Thoughts::closed || thoughts_ == Thoughts::step
               || thoughts_ == Thoughts::spoken
               || (thoughts_ == Thoughts::open && kind == Thoughts::step))
    {
        gap = kParagraph;
    }

    if (!gap.empty()) {
        joined_.assign(gap).append(piece);
        piece = joined_;
    }

    thoughts_ = kind;

    if (tags) {
        put_tag(piece);
        return;
    }

    started_ = true;
    encoder_->reasoning(piece, out_);
}

// More text comes, or nothing.
void AnswerWriter::close_thoughts()
{
    if (tag_open_) {
        put_tag(kTagClose);
        tag_open_ = false;
        breaks_ = 2;
    }

    if (thoughts_ != Thoughts::none) {
        thoughts_ = Thoughts::spoken;
    }
}

void AnswerWriter::step(std::string_view text)
{
    splitter_.new_round(*this);

    if (options_.steps && !text.empty()) {
        put_thought(text, Thoughts::step);
    }
}

// "!", if it is an image, address, "\n", name.
std::string AnswerWriter::file_piece(const OutputFile &file)
{
    std::string piece(file.image ? "!" : " ");
    std::size_t end = file.url.find('\n');

    return piece.append(file.url, 0, end).append("\n").append(file.name);
}

void AnswerWriter::file(std::string_view piece)
{
    std::size_t      end = piece.find('\n');
    std::string_view url = piece.substr(1, end - 1);
    std::string      address = file_address(url, options_.files_origin);

    splitter_.new_round(*this);
    hurry();  // the address may be in it

    if (address.empty() || in_text(address) || in_text(url)
        || addresses_.size() == kMaxFiles
        || std::find(addresses_.begin(), addresses_.end(), address)
               != addresses_.end())
    {
        return;
    }

    put_block(file_link(piece.substr(end + 1), address, piece[0] == '!'));
    addresses_.push_back(std::move(address));
}

// The very address, not the beginning of another one.
bool AnswerWriter::in_text(std::string_view address) const
{
    constexpr std::string_view kEnds = " \t\r\n)>]\"'";

    for (std::size_t at = wire::find_text(seen_, address); at != std::string::npos;
         at = wire::find_text(seen_, address, at + 1))
    {
        std::size_t end = at + address.size();

        if (end == seen_.size() || kEnds.find(seen_[end]) != kEnds.npos) {
            return true;
        }
    }

    return false;
}

void AnswerWriter::citation(const Citation &citation)
{
    encoder_->citation(citation);

    if (options_.footnotes && citations_.size() < kMaxCitations) {
        citations_.push_back(citation);
    }
}

void AnswerWriter::take_back()
{
    encoder_->replace({}, out_);
    drop_held();
    pacer_.begin_anew();
    answer_ = history_;
    answer_.begin(Role::assistant);
    hashed_ = 0;
    seen_.clear();
    addresses_.clear();
    citations_.clear();
    thoughts_ = Thoughts::none;
    tag_open_ = after_block_ = false;
    breaks_ = 0;
    text_bytes_ = 0;
}

void AnswerWriter::drop_held()
{
    splitter_.reset();
    stops_.reset();
    pacer_.drop();
}

void AnswerWriter::close(bool sources)
{
    finish_text();
    hurry();
    close_thoughts();

    if (sources && options_.footnotes) {
        aside(openai::footnotes(citations_));
    }
}

void AnswerWriter::aside(std::string_view block)
{
    if (!block.empty()) {
        started_ = true;
        encoder_->text(block, out_);
    }
}

}  // namespace opendify
