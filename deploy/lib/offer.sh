# shellcheck shell=bash
# shellcheck disable=SC2154 # variables shared by the parts that quickstart sources
# What is sold and to whom, through the HTTP API: the same calls that a provider's own tools would make.

# known NAME PATH: NAME's id is remembered and the API still has it.
known()
{
    [ -n "${!1-}" ] && api operator GET "$2/${!1}"
}

location_done()
{
    [ -n "${LOCATION-}" ]
}

location_do()
{
    api_made LOCATION operator /v1/admin/locations '{"name":"here","title":"This machine"}'
}

pools_done()
{
    known POOL4 /v1/admin/pools && known POOL6 /v1/admin/pools
}

pool_body()
{
    jq -n --arg n "$1" --arg c "$2" --arg l "$LOCATION" '{name: $n, cidr: $c, location_id: $l}'
}

pools_do()
{
    api_made POOL4 operator /v1/admin/pools "$(pool_body guests-v4 "$SUBNET4")"
    api_made POOL6 operator /v1/admin/pools "$(pool_body guests-v6 "$SUBNET6")"
}

image_file_done()
{
    [ -f "$state/images/$IMAGE.tar.zst" ] || known IMAGE_ID /v1/admin/images
}

image_file_do()
{
    install -d -m 0755 "$state/images"
    TMPDIR=$state/images "$deploy/images/build" "$IMAGE" "$state/images/$IMAGE.tar.zst"
}

image_done()
{
    known IMAGE_ID /v1/admin/images
}

image_do()
{
    local body
    chmod 0644 "$state/images/$IMAGE.tar.zst"
    body=$(croft_server image add "$state/images/$IMAGE.tar.zst" --name "$IMAGE" --os "${IMAGE%-*}")
    api_made IMAGE_ID operator /v1/admin/images "$body"
    # The server holds its own copy now, named by its hash.
    rm -f "$state/images/$IMAGE.tar.zst"
}

plan_done()
{
    known PLAN /v1/admin/plans
}

plan_do()
{
    api_made PLAN operator /v1/admin/plans "$(jq -n '{name: "small", title: "Small", vcpus: 1,
        memory_bytes: 536870912, swap_bytes: 0, disk_bytes: 2147483648, pids: 512, traffic_bytes: 1000000000000,
        ipv4_count: 1, ipv6_count: 1, price_month: "5.00", price_hour: "0.0069", currency: "EUR"}')"
}

tenant_done()
{
    known TENANT /v1/admin/tenants
}

tenant_do()
{
    api_made TENANT operator /v1/admin/tenants "$(jq -n '{name: "first", quotas: {vps: 10, vcpus: 10,
        memory_bytes: 8589934592, disk_bytes: 42949672960, ipv4: 10, ipv6: 10, snapshots: 10, image_bytes: 10737418240}}')"
}

user_done()
{
    [ -n "${USER_ID-}" ]
}

user_do()
{
    api_made USER_ID operator /v1/admin/users "$(jq -n --arg e "$USER_EMAIL" --arg p "$USER_PASSWORD" \
        --arg t "$TENANT" '{email: $e, password: $p, tenant_id: $t, role: "owner"}')"
}

token_done()
{
    [ -n "${USER_TOKEN-}" ] && api user GET /v1/session
}

# As a customer does it: sign in with the password, then make a token for programs.
token_do()
{
    local session answer
    session=$(api none POST /v1/sessions "$(jq -n --arg e "$USER_EMAIL" --arg p "$USER_PASSWORD" \
        '{email: $e, password: $p}')")
    answer=$(api "$(jq -er .access_token <<<"$session")" POST /v1/tokens '{"name":"quickstart"}')
    env_set USER_TOKEN "$(jq -er .token <<<"$answer")"
}

vps_is_running()
{
    api user GET "/v1/vps/$VPS" | jq -e '.observed == "running"'
}

# After a reboot or --down the agent starts it by itself; that takes a moment.
vps_done()
{
    [ -n "${VPS-}" ] && wait_for 15 vps_is_running
}

vps_do()
{
    if [ -n "${VPS-}" ]; then
        api user POST "/v1/vps/$VPS/start" '' 'Prefer: wait=60'
    else
        vps_create
    fi
    wait_for 60 vps_is_running
}

vps_create()
{
    local answer
    answer=$(api_create VPS user /v1/vps "$(jq -n --arg p "$PLAN" --arg i "$IMAGE_ID" --arg l "$LOCATION" \
        --arg k "$(cat "$state/ssh/id_ed25519.pub")" \
        '{name: "first", plan_id: $p, image_id: $i, location_id: $l, ssh_keys: [$k]}')" 'Prefer: wait=60')
    printf '%s\n' "$answer"
    jq -e '.task.status != "failed"' <<<"$answer"
    env_set VPS_ADDRESS "$(jq -er '.vps.addresses[] | select(.family == 4) | .address' <<<"$answer")"
    env_set VPS "$(jq -er .vps.id <<<"$answer")"
}

ssh_line()
{
    printf 'ssh -i %s/ssh/id_ed25519 -o UserKnownHostsFile=%s/ssh/known_hosts -o StrictHostKeyChecking=accept-new root@%s' \
        "$state" "$state" "$VPS_ADDRESS"
}

ssh_answers()
{
    # shellcheck disable=SC2046 # the words of the printed line
    $(ssh_line) -o BatchMode=yes -o ConnectTimeout=3 true </dev/null
}

ssh_done()
{
    ssh_answers
}

ssh_do()
{
    wait_for 60 ssh_answers
}
