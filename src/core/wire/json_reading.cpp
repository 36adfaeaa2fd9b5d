#include "wire/json_reading.hpp"

#include <algorithm>
#include <string_view>

#include "wire/json_escape.hpp"

namespace opendify::wire {

JsonReader::Step JsonReader::read(std::size_t bytes)
{
    const auto left = static_cast<std::size_t>(end_ - at_);

    limit_ = bytes < left ? at_ + bytes : end_;

    for (;;) {
        const Step step = next();

        if (step != Step::yes) {
            return step;
        }

        while (parent_ != kNone && skip(closing_)) {
            close();
        }

        if (parent_ == kNone) {
            return skip_blanks() == end_ ? Step::yes : Step::no;
        }

        // The blanks are behind us.
        if (last_ != kNone && *at_++ != ',') {
            return Step::no;
        }

        place_ = closing_ == '}' ? Place::name : Place::value;
    }
}

JsonReader::Step JsonReader::next()
{
    Step step = Step::yes;

    if (limit_ != end_ && at_ >= limit_) {
        return Step::paused;
    }

    switch (place_) {
    case Place::name:
        if (!skip('"')) {
            return Step::no;
        }

        begin_text();
        place_ = Place::in_name;
        [[fallthrough]];

    case Place::in_name:
        step = text(name_);
        if (step != Step::yes) {
            return step;
        }

        place_ = Place::value;
        return skip(':') ? value() : Step::no;

    case Place::value:
        return value();

    case Place::in_value:
        return string();
    }

    return Step::no;
}

JsonReader::Step JsonReader::value()
{
    switch (*skip_blanks()) {
    case '{':
        return is(open(JsonType::object));

    case '[':
        return is(open(JsonType::array));

    case '"':
        at_++;
        begin_text();
        place_ = Place::in_value;
        return string();

    case 't':
        return is(word("true", JsonType::boolean));

    case 'f':
        return is(word("false", JsonType::boolean));

    case 'n':
        return is(word("null", JsonType::null));

    case 'N':
        return is(no_number("NaN"));

    case 'I':
        return is(no_number("Infinity"));

    case '-':
        return is(at_[1] == 'I' ? no_number("-Infinity") : number());

    default:
        return is(number());
    }
}

JsonReader::Node *JsonReader::add(JsonType type, Span text)
{
    if (unread_.empty() && unread_at_ < nodes_.size()) {
        leave_unread();
    }

    if (!unread_.empty()) {
        nodes_[parent_].count += unread_.size() == 1 ? 1 : 0;
        last_ = parent_;
        return &passed_;
    }

    if (nodes_.size() >= bounds_.max_values) {
        too_many_ = true;
        return nullptr;
    }

    const auto index = static_cast<std::uint32_t>(nodes_.size());
    Node      &node = nodes_.emplace_back();

    node.type = type;
    node.name_at = name_.at;
    node.name_size = name_.size;
    node.text_at = text.at;
    node.text_size = text.size;
    node.next = kNone;
    name_ = {};

    if (parent_ != kNone) {
        nodes_[parent_].count++;
    }

    if (last_ != kNone) {
        nodes_[last_].next = index;
    }

    last_ = index;

    return &node;
}

bool JsonReader::open(JsonType type)
{
    if (levels_left_ == 0) {
        return false;
    }

    const Span name = name_;
    Node      *node = add(type, {});

    if (node == nullptr) {
        return false;
    }

    at_++;
    levels_left_--;

    if (!unread_.empty()) {
        unread_ += closing_of(type);
        closing_ = unread_.back();

    } else {
        if (parent_ == 0) {
            begin_member(name);
        }

        node->next = parent_;
        enter(last_);
    }

    last_ = kNone;

    return true;
}

void JsonReader::close()
{
    levels_left_++;

    if (unread_.size() > 1) {
        unread_.pop_back();
        closing_ = unread_.back();
        last_ = parent_;
        return;
    }

    unread_.clear();
    last_ = parent_;
    enter(nodes_[last_].next);
    nodes_[last_].next = kNone;

    if (parent_ == 0) {
        unread_at_ = kNone;
    }
}

void JsonReader::begin_member(Span span)
{
    const std::string_view name(base_ + span.at, span.size);
    const auto            *end = bounds_.large + bounds_.large_count;
    const bool             is_read =
        std::find(bounds_.large, end, name) != end;

    member_ = last_;
    unread_at_ = bounds_.large_count == 0 || is_read
                     ? kNone
                     : member_ + JsonBounds::kMostUnread;
}

void JsonReader::leave_unread()
{
    for (std::uint32_t at = parent_; at != 0; at = nodes_[at].next) {
        unread_ += closing_of(nodes_[at].type);
    }

    std::reverse(unread_.begin(), unread_.end());
    nodes_[member_].unread = true;
    nodes_.resize(member_ + 1);
    parent_ = member_;
    name_ = {};
}

JsonReader::Step JsonReader::string()
{
    const Step step = text(text_);

    if (step != Step::yes) {
        return step;
    }

    Node *node = add(JsonType::string, text_);
    if (node == nullptr) {
        return Step::no;
    }

    node->quote = span(base_, at_).size - 1;

    return Step::yes;
}

bool JsonReader::word(std::string_view name, JsonType type)
{
    if (std::string_view(at_, name.size()) != name) {
        return false;
    }

    at_ += name.size();

    Node *node = add(type, {});
    if (node != nullptr) {
        node->truth = name == "true";
    }

    return node != nullptr;
}

bool JsonReader::number()
{
    const char *begin = at_;

    at_ += *at_ == '-' ? 1 : 0;

    if (*at_ == '0') {
        at_++;

    } else if (!digits()) {
        return false;
    }

    if (*at_ == '.' && (at_++, !digits())) {
        return false;
    }

    if (*at_ == 'e' || *at_ == 'E') {
        at_++;
        at_ += *at_ == '+' || *at_ == '-' ? 1 : 0;
        if (!digits()) {
            return false;
        }
    }

    return add(JsonType::number, span(begin, at_)) != nullptr;
}

JsonReader::Step JsonReader::text(Span &unescaped)
{
    if (!unescape(at_, text_end_, end_, limit_)) {
        return Step::no;
    }

    if (*at_ != '"' || (at_ >= limit_ && limit_ < end_)) {
        return Step::paused;
    }

    unescaped = span(text_begin_, text_end_);
    at_++;

    return Step::yes;
}

}  // namespace opendify::wire
