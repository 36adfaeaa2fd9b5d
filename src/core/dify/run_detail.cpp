// The record of a run, GET /workflows/run/:id (spec dify-api §10).

#include "opendify/backend.hpp"
#include "opendify/limits.hpp"
#include "wire/json_reader.hpp"
#include "wire/percent.hpp"

namespace opendify {

namespace {

bool is_final(std::string_view status)
{
    return status == "succeeded" || status == "failed" || status == "stopped"
           || status == "partial-succeeded";
}

std::string status_in(std::string_view record)
{
    wire::JsonDocument doc;

    return doc.parse_python(record, Limits{}.max_json_depth)
               ? std::string(doc.root()["status"].string()) : std::string();
}

}  // namespace

BackendRequest encode_run_call(std::string_view run_id)
{
    BackendRequest request;
    request.path = "/workflows/run/" + wire::percent_encoded(run_id);

    return request;
}

std::string encode_run_frame(std::string_view record)
{
    if (!is_final(status_in(record))) {
        return {};
    }

    // On one line: JSON has line breaks only between its tokens.
    std::string frame = "data: {\"event\":\"workflow_finished\",\"data\":";

    for (const char c : record) {
        frame += c == '\n' || c == '\r' ? ' ' : c;
    }

    return frame + "}\n\n";
}

bool is_paused_run(std::string_view record)
{
    return status_in(record) == "paused";
}

}  // namespace opendify
