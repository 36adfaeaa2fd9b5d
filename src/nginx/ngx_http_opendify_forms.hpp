// What apps want to be given, remembered by this worker for a while.

#ifndef NGX_HTTP_OPENDIFY_FORMS_HPP
#define NGX_HTTP_OPENDIFY_FORMS_HPP

#include "ngx_opendify.hpp"

#include <memory>

#include "opendify/app_form.hpp"
#include "opendify/fingerprint.hpp"

namespace opendify::glue {

struct KnownForm {
    std::shared_ptr<const AppForm> form;  // null: not known
    bool readable = false;                // false: the backend did not tell
};

KnownForm forms_get(const Digest &key);
void forms_put(const Digest &key, KnownForm form);
void forms_forget(const Digest &key);

}  // namespace opendify::glue

#endif
