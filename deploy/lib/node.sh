# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # variables shared by the parts that quickstart sources
# croft-agent: this machine as a node.

IDS_RANGES=1000
IDS_SIZE=$((IDS_RANGES * 65536))

# What the agent sets for routed guests and for many of them; put back by --purge.
NODE_SYSCTLS=(net/ipv4/ip_forward net/ipv4/conf/all/forwarding net/ipv6/conf/all/forwarding
    net/ipv6/conf/all/proxy_ndp net/ipv6/conf/default/proxy_ndp net/ipv4/neigh/default/proxy_delay
    net/ipv6/neigh/default/proxy_delay net/ipv4/neigh/default/gc_thresh1 net/ipv4/neigh/default/gc_thresh2
    net/ipv4/neigh/default/gc_thresh3 net/ipv6/neigh/default/gc_thresh1 net/ipv6/neigh/default/gc_thresh2
    net/ipv6/neigh/default/gc_thresh3 fs/inotify/max_user_instances fs/inotify/max_user_watches
    kernel/keys/maxkeys kernel/keys/maxbytes)

# The guests' gateway, which the agent puts on lo.
GATEWAY4=169.254.0.1/32

node_config()
{
    [ -n "${IDS_BASE-}" ] || env_set IDS_BASE "$(ids_free)"
    cat <<END
# Written by deploy/quickstart; reference: docs/configuration.md
state_dir: $state/agent
server: 127.0.0.1:$AGENTS_PORT
name: node-${INSTANCE%%-*}
ids:
  base: $IDS_BASE
  count: $IDS_RANGES
pool:
  size_bytes: $(($(pool_mib) << 20))
END
}

# The loop file is sparse: it promises no more than half of what is free, 20 GiB at most.
pool_mib()
{
    local half=$(($(room_free_mib) / 2))
    echo $((half < 20480 ? half : 20480))
}

croft_agent()
{
    "$state/program/sbin/croft-agent" "$@" --config "$state/agent.yaml"
}

join_done()
{
    [ -f "$state/agent/pki/node.crt" ]
}

join_do()
{
    local answer
    # Each try has a token of its own: an unused one ends by itself.
    answer=$(api operator POST /v1/admin/join-tokens "$(jq -n --arg l "$LOCATION" '{location_id: $l, expires_in: 600}')")
    jq -er .token <<<"$answer" | croft_agent join --server "127.0.0.1:$AGENTS_PORT" --token-file -
}

# The machine's own namespace has another number after each boot, one made for a test has not.
netns_name()
{
    local name
    name=$(readlink /proc/self/ns/net)
    if [ "$name" = "$(readlink /proc/1/ns/net)" ]; then
        name=initial
    fi
    printf '%s\n' "$name"
}

node_remember_host()
{
    local key
    made netns "$(netns_name)"
    nft list table inet croft >/dev/null 2>&1 || made nft-table "inet croft"
    nft list table arp croft >/dev/null 2>&1 || made nft-table "arp croft"
    ip -4 address show dev lo | grep -qF " $GATEWAY4 " || made address "$GATEWAY4"
    [ -d /run/lxc ] || made folder /run/lxc
    # liblxc leaves one behind in each hierarchy.
    [ -n "$(find /sys/fs/cgroup -maxdepth 3 -name lxc.pivot -print -quit)" ] || made cgroup lxc.pivot
    for key in "${NODE_SYSCTLS[@]}"; do
        if [ -r "/proc/sys/$key" ] && ! grep -q "^sysctl $key " "$state/quickstart.made"; then
            made sysctl "$key $(cat "/proc/sys/$key")"
        fi
    done
}

agent_done()
{
    daemon_current agent
}

agent_do()
{
    node_remember_host
    unit_install agent
    daemon_start agent root "$state/program/sbin/croft-agent" run --config "$state/agent.yaml"
}

node_is_online()
{
    api operator GET '/v1/admin/nodes?limit=200' | jq -e --arg n "node-${INSTANCE%%-*}" \
        '.items[] | select(.name == $n and .online)'
}

online_done()
{
    node_is_online
}

online_do()
{
    wait_for 180 node_is_online
}
