// Members of an object by name, for many look-ups: JsonValue's own operator[]
// goes over all of them each time.

#ifndef OPENDIFY_WIRE_JSON_MEMBERS_HPP
#define OPENDIFY_WIRE_JSON_MEMBERS_HPP

#include <map>
#include <string_view>

#include "wire/json_reader.hpp"

namespace opendify::wire {

// As valid as the object; empty for anything else. Ordered, not hashed: nobody
// can choose names that meet.
class JsonMembers {
public:
    explicit JsonMembers(JsonValue object)
    {
        if (object.is(JsonType::object)) {
            for (auto value = object.first(); value; value = value.next()) {
                members_[value.name()] = value;
            }
        }
    }

    JsonValue operator[](std::string_view name) const
    {
        const auto found = members_.find(name);

        return found == members_.end() ? JsonValue() : found->second;
    }

private:
    std::map<std::string_view, JsonValue> members_;
};

}  // namespace opendify::wire

#endif
