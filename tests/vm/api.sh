# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of run, and what install.sh remembers
# The HTTP API, through a port that qemu forwards; and the inside of a guest.

# api TOKEN METHOD PATH [BODY]: prints the body; fails on anything but 2xx, which it prints too. An emulated PostgreSQL that was
# too slow says so (503, 504) and is asked again: with the same key, so that nothing is made twice.
api()
{
    local key status
    key=$(cat /proc/sys/kernel/random/uuid)
    for _ in 1 2 3 4 5 6; do
        status=$(curl --silent --show-error --max-time 150 --request "$2" --header "Authorization: Bearer $1" \
            --header "Idempotency-Key: $key" --header 'Prefer: wait=60' --header 'Content-Type: application/json' \
            ${4:+--data "$4"} --output "$work/body" --write-out '%{http_code}' "http://127.0.0.1:$api_port$3") || status=000
        case $status in
        503 | 504) sleep 5 ;;
        *) break ;;
        esac
    done
    cat "$work/body"
    [[ $status == 2?? ]]
}

operator()
{
    api "$operator_token" "$@"
}

customer()
{
    api "$customer_token" "$@"
}

# order METHOD PATH [BODY]: as the customer; until its task is settled, which may take longer than one request waits.
order()
{
    local answer task
    answer=$(customer "$@") || { echo "$answer"; return 1; }
    echo "$answer" >"$work/answer"
    task=$(jq -r '.task.id' <<<"$answer")
    for _ in $(seq 20); do
        answer=$(customer GET "/v1/tasks/$task?wait=30") || { echo "$answer"; return 1; }
        case $(jq -r .status <<<"$answer") in
        done) return 0 ;;
        failed | cancelled) jq -c . <<<"$answer"; return 1 ;;
        esac
    done
    echo "not settled: $answer"
    return 1
}

# vps_new NAME PLAN IMAGE VARIABLE: remembers its id, and its address as VARIABLE_address.
vps_new()
{
    # Heartbeats of an emulated machine can be late.
    until_true 300 node_is_online
    order POST /v1/vps "$(jq -n --arg n "$1" --arg p "$2" --arg i "$3" --arg l "$location" --arg k "$(cat "$image/key.pub")" \
        '{name: $n, plan_id: $p, image_id: $i, location_id: $l, ssh_keys: [$k]}')" || return 1
    remember "$4" "$(jq -er .vps.id "$work/answer")"
    remember "$4_address" "$(jq -er '.vps.addresses[] | select(.family == 4) | .address' "$work/answer")"
}

observed()
{
    customer GET "/v1/vps/$1" | jq -r .observed
}

# until_true SECONDS COMMAND...
until_true()
{
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 2
    done
}

is_observed()
{
    [ "$(observed "$1")" = "$2" ]
}

# guest VPS SCRIPT: run by the guest's root.
guest()
{
    inside "lxc-attach -P /var/lib/croft/agent/vps -n $1 --clear-env -v PATH=/usr/sbin:/usr/bin:/sbin:/bin -- sh -s" <<<"$2"
}

# guest_ssh ADDRESS COMMAND...: by its own sshd, over its own network.
guest_ssh()
{
    local address=$1
    shift
    ssh -i "$image/key" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=60 \
        -o ProxyCommand="ssh -o ControlPath=$work/ssh -W $address:22 root@127.0.0.1" "root@$address" "$@"
}

guest_init()
{
    inside "lxc-info -P /var/lib/croft/agent/vps -n $1 -pH"
}

node()
{
    operator GET '/v1/admin/nodes?limit=1' | jq -c '.items[0]'
}

node_is_online()
{
    [ "$(node | jq -r .online)" = true ]
}
