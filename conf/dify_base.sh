# Sourced: takes DIFY_API_BASE apart for an nginx configuration.

# split_dify_base URL: sets dify_scheme, dify_host, dify_authority (host and
# port as written), dify_server (host:port) and dify_path (without a slash at
# the end). False for anything that is not such a URL; dify_base_error says
# what to do.
split_dify_base() {
    local url=${1%/} rest
    local pattern='^(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?$'

    if ! [[ $url =~ $pattern ]]; then
        dify_base_error="DIFY_API_BASE has to be a URL like https://api.dify.ai/v1"
        return 1
    fi

    dify_scheme=${BASH_REMATCH[1]}
    dify_host=${BASH_REMATCH[2]}
    rest=${BASH_REMATCH[3]}
    dify_path=${BASH_REMATCH[4]:-}
    dify_authority=$dify_host$rest
    if [ -z "$rest" ]; then
        rest=:80
        [ "$dify_scheme" = http ] || rest=:443
    fi
    dify_server=$dify_host$rest
}
