// The model list and its entries (openai-api §4.1).

#include "opendify/endpoint.hpp"
#include "wire/json_writer.hpp"

namespace opendify {

namespace {

void write_model(std::string &out, const ModelEntry &model)
{
    out.append("{\"id\":");
    wire::write_lossy_string(out, model.id);
    out.append(",\"object\":\"model\",\"created\":");
    wire::write_integer(out, model.created);
    out.append(",\"owned_by\":\"dify\"}");
}

}  // namespace

std::string encode_models(const std::vector<ModelEntry> &models)
{
    std::string out = "{\"object\":\"list\",\"data\":[";
    bool        first = true;

    for (const ModelEntry &model : models) {
        if (!first) {
            out.push_back(',');
        }

        write_model(out, model);
        first = false;
    }

    out.append("]}");
    return out;
}

std::string encode_model(const ModelEntry &model)
{
    std::string out;
    write_model(out, model);
    return out;
}

}  // namespace opendify
