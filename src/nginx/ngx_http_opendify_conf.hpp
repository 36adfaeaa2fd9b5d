// What the directives say.

#ifndef NGX_HTTP_OPENDIFY_CONF_HPP
#define NGX_HTTP_OPENDIFY_CONF_HPP

#include "ngx_opendify.hpp"

#include "opendify/backend.hpp"
#include "opendify/fingerprint.hpp"
#include "opendify/human_form.hpp"
#include "opendify/limits.hpp"
#include "opendify/secret.hpp"

namespace opendify::glue {

// One model. Strings live in the configuration's pool.
struct App {
    ngx_str_t name;
    Secret    key;
    Digest    key_digest;  // what may be stored of the key
    FormKey   form_key;
    AppMode   mode;        // unknown: ask the backend
    ngx_str_t query_input; // that takes the text, empty: the app's only one
    ngx_str_t output;      // that is the answer, empty: the app's only text
};

struct Value {
    ngx_http_complex_value_t text;
    ngx_int_t                index;  // of the variable that is all of it, -1
    ngx_int_t                own;    // our own one that is all of it, or -1
};

struct InputConf {
    ngx_str_t name;
    Value     value;
};

// What an opendify_pass names, and where it stands.
struct PassTarget {
    ngx_str_t                 directive;
    ngx_str_t                 uri;
    ngx_http_core_srv_conf_t *server;
    ngx_str_t                 file;
    ngx_uint_t                line;
};

struct MainConf {
    ngx_array_t     *apps;     // App
    ngx_array_t     *targets;  // PassTarget
    ngx_shm_zone_t  *zone;
    time_t           ttl;      // seconds
    time_t           created;  // when the configuration was read
    ngx_int_t        request_id_index;
    ngx_int_t        limit_req;   // where the module's configuration is, or
    ngx_int_t        limit_conn;  // -1
    ngx_array_t     *shared_variables;  // of phases_share_variables(), or null
};

enum Memory : ngx_uint_t { kMemoryHistory, kMemoryChat };
enum Steps : ngx_uint_t { kStepsOff, kStepsReasoning };
enum Tasks : ngx_uint_t { kTasksIsolate, kTasksReject, kTasksOff };
enum Suggested : ngx_uint_t { kSuggestedOff, kSuggestedText };

struct LocConf {
    ngx_str_t    pass;      // the internal location; empty: not ours
    bool         conversations;  // are administered here
    ngx_str_t    conversations_pass;  // where they are deleted too, or empty
    ngx_array_t *user;      // Value, first non-empty wins
    ngx_array_t *chat_id;   // same
    ngx_array_t *message_id;  // same
    ngx_array_t *parent_id;   // same
    ngx_array_t *client;    // same
    ngx_array_t *inputs;    // InputConf
    ngx_str_t    form_pass; // the one to forms of paused runs, or empty
    ngx_uint_t   memory;    // Memory
    ngx_uint_t   reasoning; // ReasoningMode
    ngx_uint_t   steps;     // Steps
    ngx_uint_t   suggested; // Suggested
    ngx_uint_t   tasks;     // Tasks
    ngx_str_t    task_app;  // model that answers them, empty: the one asked
    ngx_flag_t   footnotes;
    ngx_msec_t   moderation_window;  // text is held back that long
    ngx_msec_t   pace;      // bursts are spread over that long; 0: they are not
    ngx_str_t    files_origin;
    ngx_str_t    system_input;
    ngx_str_t    continue_text; // empty: the core's
    ngx_msec_t   keepalive; // a ping after that much silence; 0: never
    ngx_msec_t   stall;
    ngx_msec_t   drain;
    size_t       max_event_size;  // bytes
    size_t       max_text;        // of a request's messages, bytes
    ngx_int_t    max_json_values;  // of a request
};

// Text may wait before it goes out.
inline bool holds_text(const LocConf *conf)
{
    return conf->pace != 0 || conf->moderation_window != 0;
}

inline MainConf *main_conf(ngx_http_request_t *r)
{
    return static_cast<MainConf *>(
        ngx_http_get_module_main_conf(r, ngx_http_opendify_module));
}

inline LocConf *loc_conf(ngx_http_request_t *r)
{
    return static_cast<LocConf *>(
        ngx_http_get_module_loc_conf(r, ngx_http_opendify_module));
}

// For the setters: nginx's constants without its casts.
constexpr char *kConfOk = nullptr;

inline char *conf_error()
{
    return static_cast<char *>(NGX_CONF_ERROR);
}

inline ngx_str_t *arguments(ngx_conf_t *cf)
{
    return static_cast<ngx_str_t *>(cf->args->elts);
}

inline bool has_prefix(const ngx_str_t &s, std::string_view prefix)
{
    return view(s).substr(0, prefix.size()) == prefix;
}

// The app of that name, or null.
const App *find_app(const MainConf *conf, std::string_view name);

extern ngx_command_t commands[];

char *set_values(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_app(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_apps(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
// nginx takes the last directive that answers and says nothing: we do.
char *check_handler(ngx_conf_t *cf, ngx_http_handler_pt wanted);
// One pass of a location; its target is checked when all locations are known.
char *add_target(ngx_conf_t *cf, ngx_str_t *pass);
char *set_form_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *set_pace(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

// Administration. The second is a part of merge_loc_conf().
char *set_conversations(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *merge_conversations(ngx_conf_t *cf, const MainConf *mcf, LocConf *conf,
                          const LocConf *prev);

// When all locations are known: does every opendify_pass lead somewhere?
ngx_int_t check_passes(ngx_conf_t *cf);

bool compile_value(ngx_conf_t *cf, ngx_str_t *text, Value *to);
// Adds one to an array of Value.
bool push_value(ngx_conf_t *cf, ngx_array_t *values, ngx_str_t *text);

void *create_main_conf(ngx_conf_t *cf);
char *init_main_conf(ngx_conf_t *cf, void *conf);
void *create_loc_conf(ngx_conf_t *cf);
char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);

}  // namespace opendify::glue

#endif
