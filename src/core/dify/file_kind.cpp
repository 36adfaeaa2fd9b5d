#include "dify/file_kind.hpp"

#include <algorithm>
#include <vector>

#include "flow/media_types.hpp"
#include "wire/ascii.hpp"

namespace opendify::dify {

namespace {

using Kind = Attachment::Kind;

constexpr std::string_view kCustom = "custom";

// The last segment of an address's path.
std::string_view file_of(std::string_view url)
{
    url = url.substr(0, url.find_first_of("?#"));

    const std::size_t host = url.find("://");
    if (host != std::string_view::npos) {
        url.remove_prefix(host + 3);
    }

    const std::size_t slash = url.rfind('/');

    return slash == std::string_view::npos ? std::string_view()
                                           : url.substr(slash + 1);
}

bool has(const std::vector<std::string> &list, std::string_view item)
{
    return std::find(list.begin(), list.end(), item) != list.end();
}

bool begins(std::string_view text, std::string_view prefix)
{
    return text.substr(0, prefix.size()) == prefix;
}

std::string_view natural_type(const Attachment &file)
{
    const MediaType *row = media_type_of_extension(extension_of(file));
    if (row != nullptr) {
        return kind_name(row->kind);
    }

    for (const Kind kind : {Kind::image, Kind::audio, Kind::video}) {
        if (begins(file.mime, kind_name(kind))) {
            return kind_name(kind);
        }
    }

    return kind_name(file.kind);
}

// Lists hold ".PDF" as well as "pdf".
bool custom_fits(const Attachment &file, const FileRules &form)
{
    const std::string extension = extension_of(file);
    if (form.file_extensions.empty()
        || (extension.empty() && !file.url.empty())) {
        return true;  // of an address the backend finds out itself
    }

    return std::any_of(form.file_extensions.begin(),
                       form.file_extensions.end(), [&](std::string_view item) {
                           item.remove_prefix(begins(item, ".") ? 1 : 0);
                           return wire::lower_case(item) == extension;
                       });
}

std::string listed(const std::vector<std::string> &items)
{
    std::string out;
    for (const std::string &item : items) {
        out += out.empty() ? "" : ", ";
        out += item;
    }

    return out;
}

}  // namespace

std::string extension_of(const Attachment &file)
{
    const std::string_view extension = extension_in(file.name);

    return wire::lower_case(extension.empty()
                                ? extension_in(file_of(file.url))
                                : extension);
}

std::string_view file_type(const Attachment &file, const FileRules *form)
{
    const std::string_view type = natural_type(file);

    if (form != nullptr && !form->file_types.empty()
        && !has(form->file_types, type) && has(form->file_types, kCustom)
        && custom_fits(file, *form)) {
        return kCustom;
    }

    return type;
}

std::string_view media_type(const Attachment &file)
{
    const MediaType *row = media_type_of_extension(extension_of(file));

    return row != nullptr ? row->mime : "application/octet-stream";
}

std::string file_refusal(const Attachment &file, const FileRules &form)
{
    const std::string_view type = file_type(file, &form);

    if (!form.file_types.empty() && !has(form.file_types, type)) {
        std::string message = "This model does not take files of the kind '"
                              + std::string(type) + "', only "
                              + listed(form.file_types);
        if (has(form.file_types, kCustom)) {
            message += " (" + listed(form.file_extensions) + ")";
        }

        return message + ".";
    }

    const bool remote = file.upload_id.empty() && !file.url.empty();
    if (form.transfer_methods.empty()
        || has(form.transfer_methods, remote ? "remote_url" : "local_file")) {
        return {};
    }

    return remote ? "This model does not take files by address; send the "
                    "data itself."
                  : "This model takes files by their web address only.";
}

}  // namespace opendify::dify
