# shellcheck shell=bash
# shellcheck disable=SC2154 # variables shared by the parts that quickstart sources
# A small client of the HTTP API. Secrets go through standard input, never into an argument list.

# api WHO METHOD PATH [BODY [HEADER...]]: prints the body; fails on anything but 2xx, showing the problem.
# WHO: operator, user, none, or a bearer token.
api()
{
    local who=$1 method=$2 path=$3 body=${4-} token answer status header
    shift $(($# < 4 ? $# : 4))
    case $who in
    operator) token=$OPERATOR_TOKEN ;;
    user) token=$USER_TOKEN ;;
    none) token= ;;
    *) token=$who ;;
    esac
    answer=$({
        printf 'url = "http://127.0.0.1:%s%s"\n' "$API_PORT" "$path"
        printf 'request = %s\n' "$method"
        [ -z "$token" ] || printf 'header = "Authorization: Bearer %s"\n' "$token"
        for header; do
            printf 'header = "%s"\n' "$header"
        done
        if [ -n "$body" ]; then
            printf 'header = "Content-Type: application/json"\n'
            printf 'data-binary = %s\n' "$(jq -Rs . <<<"$body")"
        fi
    } | curl --silent --show-error --max-time 90 --write-out '\n%{http_code}' --config -)
    status=${answer##*$'\n'}
    answer=${answer%$'\n'*}
    case $status in
    2??) printf '%s\n' "$answer" ;;
    *)
        printf '%s %s: %s %s\n' "$method" "$path" "$status" "$answer" >&2
        return 1
        ;;
    esac
}

# api_create NAME WHO PATH BODY [HEADER...]: a POST that, interrupted and sent again, is one POST.
api_create()
{
    local name=$1 who=$2 path=$3 body=$4
    shift 4
    api "$who" POST "$path" "$body" "Idempotency-Key: quickstart-$INSTANCE-$name" "$@"
}

# api_made NAME WHO PATH BODY: as above; remembers the new object's id as NAME.
api_made()
{
    local answer
    answer=$(api_create "$@")
    env_set "$1" "$(jq -er .id <<<"$answer")"
}
