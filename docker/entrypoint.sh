#!/usr/bin/env bash
# Makes nginx.conf from the environment and becomes nginx. Its settings:
#
#   MODEL_CONFIG    {"model": "app-key", ...}; required
#   DIFY_API_BASE   URL of Dify's API, https://api.dify.ai/v1; required
#   SERVER_PORT     where to listen; 5000
#
#   OPENDIFY_MODULE   the module; as installed in the image
#   OPENDIFY_RUN      folder for what is made at run time; /tmp/opendify
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
module=${OPENDIFY_MODULE:-/usr/lib/nginx/modules/ngx_http_opendify_module.so}
run=${OPENDIFY_RUN:-/tmp/opendify}
port=${SERVER_PORT:-5000}

fail() {
    echo "opendify: $*" >&2
    exit 1
}

[ -n "${MODEL_CONFIG:-}" ] \
    || fail 'MODEL_CONFIG is not set: {"model": "app-...", ...}'
[ -n "${DIFY_API_BASE:-}" ] \
    || fail "DIFY_API_BASE is not set: the URL of Dify's API," \
            "like https://api.dify.ai/v1"
[[ $port =~ ^[0-9]+$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] \
    || fail "SERVER_PORT has to be a number from 1 to 65535, not \"$port\""

. "$here/dify_base.sh"
split_dify_base "$DIFY_API_BASE" || fail "$dify_base_error"

mkdir -p "$run"
sed -e "s|@MODULE@|$module|g" -e "s|@RUN@|$run|g" -e "s|@HERE@|$here|g" \
    -e "s|@PORT@|$port|g" -e "s|@DIFY_SERVER@|$dify_server|g" \
    -e "s|@DIFY_AUTHORITY@|$dify_authority|g" \
    -e "s|@DIFY_HOST@|$dify_host|g" -e "s|@DIFY_SCHEME@|$dify_scheme|g" \
    -e "s|@DIFY_PATH@|$dify_path|g" "$here/nginx.conf.in" > "$run/nginx.conf"

PATH=$PATH:/usr/sbin
exec nginx -e stderr -c "$run/nginx.conf" "$@"
