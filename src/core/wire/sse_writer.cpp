#include "wire/sse_writer.hpp"

namespace opendify::wire {

void write_event(std::string &out, std::string_view json)
{
    out.append(kSseData);
    out.append(json);
    out.append(kSseEnd);
}

}  // namespace opendify::wire
