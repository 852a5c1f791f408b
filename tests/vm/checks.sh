# shellcheck shell=bash
# shellcheck disable=SC2154,SC2016 # variables of run and of quickstart.env; what is quoted is for the machine's shell
# What is looked at on the machine. Each prints what it saw and succeeds if that is right.

state=/var/lib/croft
units=(croft-postgresql croft-server croft-agent)

quickstart_up()
{
    inside 'cd croft && deploy/quickstart --small' </dev/null >"$work/up.log" 2>&1 ||
        { cat "$work/up.log"; inside tail -n 40 $state/log/quickstart.log; return 1; }
    inside cat $state/quickstart.env >"$work/env"
    # shellcheck source=/dev/null
    . "$work/env"
}

units_are_active()
{
    inside systemctl is-active "${units[@]}" lxcfs && inside systemctl is-enabled "${units[@]}" &&
        inside 'systemctl --failed --no-legend | tee /dev/stderr | grep -c croft' | grep -qx 0
}

# guest COMMAND: by the ssh line that quickstart printed.
guest()
{
    local line
    line=$(sed -n 's/^  ssh  *//p' "$work/up.log")
    inside "$line -o BatchMode=yes -o ConnectTimeout=20 $*" </dev/null
}

# api TOKEN METHOD PATH [BODY]
api()
{
    inside "curl --silent --show-error --fail-with-body --max-time 180 --request $2 --header 'Authorization: Bearer $1' \
        --header 'Prefer: wait=60' --header 'Content-Type: application/json' ${4:+--data @-} 'http://127.0.0.1:$API_PORT$3'" \
        <<<"${4-}"
}

make_second()
{
    api "$USER_TOKEN" POST /v1/vps "$(jq -n --arg p "$PLAN" --arg i "$IMAGE_ID" --arg l "$LOCATION" \
        --arg k "$(inside cat $state/ssh/id_ed25519.pub)" \
        '{name: "second", plan_id: $p, image_id: $i, location_id: $l, ssh_keys: [$k]}')" >"$work/second.json" ||
        { cat "$work/second.json"; return 1; }
    second=$(jq -er .vps.id "$work/second.json")
    second_address=$(jq -er '.vps.addresses[] | select(.family == 4) | .address' "$work/second.json") || return 1
    jq .task "$work/second.json"
    wait_inside 120 "$(second_ssh) true"
}

second_ssh()
{
    echo "ssh -i $state/ssh/id_ed25519 -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o LogLevel=ERROR -o ConnectTimeout=10 root@$second_address"
}

# A file of the second VPS's cgroup.
limit()
{
    inside cat "/sys/fs/cgroup/lxc.payload.$second/$1"
}

limits_are_applied()
{
    api "$USER_TOKEN" GET "/v1/plans/$PLAN" >"$work/plan.json" || return 1
    jq -c '{vcpus, memory_bytes, swap_bytes, pids}' "$work/plan.json"
    printf '%s\n' "memory.max $(limit memory.max)" "pids.max $(limit pids.max)" "cpu.max $(limit cpu.max)" \
        "memory.swap.max $(limit memory.swap.max)"
    [ "$(limit memory.max)" = "$(jq .memory_bytes "$work/plan.json")" ] &&
        [ "$(limit pids.max)" = "$(jq .pids "$work/plan.json")" ] &&
        [ "$(limit memory.swap.max)" = "$(jq .swap_bytes "$work/plan.json")" ] &&
        [ "$(limit cpu.max)" = "$(($(jq .vcpus "$work/plan.json") * 100000)) 100000" ]
}

# Init's profile, as the kernel has it: stacked with that of its own namespace, in which nothing is confined until it says so.
guest_is_confined()
{
    local pid warnings
    pid=$(inside "lxc-info -P $state/agent/vps -n $second -pH") || return 1
    inside "cat /proc/$pid/attr/current" | tee "$work/profile"
    warnings=$(api "$OPERATOR_TOKEN" GET '/v1/admin/nodes?limit=1' | jq -c '.items[0].warnings')
    echo "warnings $warnings"
    grep -qE '^lxc-.* \(enforce\)$' "$work/profile" && [ "$warnings" = '[]' ]
}

usage_arrives()
{
    local tries
    for tries in $(seq 60); do
        if api "$USER_TOKEN" GET "/v1/vps/$second/usage" >"$work/usage.json" &&
            jq -e '.last != null and .cpu_ns > 0 and .last.memory_bytes > 0' "$work/usage.json"; then
            return 0
        fi
        sleep 5
    done
    echo "not after $tries looks"
    cat "$work/usage.json"
    return 1
}

main_pid()
{
    inside systemctl show -p MainPID --value "$1"
}

# kill_main UNIT: its first process; systemd makes another.
kill_main()
{
    local before now
    before=$(main_pid "$1")
    inside kill -KILL "$before"
    for _ in $(seq 60); do
        now=$(main_pid "$1")
        [ "$now" = "$before" ] || [ "$now" = 0 ] || { echo "$1: $before, now $now"; return 0; }
        sleep 1
    done
    return 1
}

server_comes_back()
{
    kill_main croft-server && wait_inside 120 "curl --silent --fail http://127.0.0.1:$API_PORT/readyz" &&
        api "$USER_TOKEN" GET "/v1/vps/$second" | jq -e .observed
}

inits()
{
    inside "for v in $VPS $second; do lxc-info -P $state/agent/vps -n \$v -pH; done"
}

node_is_online()
{
    [ "$(api "$OPERATOR_TOKEN" GET '/v1/admin/nodes?limit=1' | jq -r '.items[0].online')" = true ]
}

agent_comes_back()
{
    local before
    before=$(inits)
    kill_main croft-agent || return 1
    sleep 10
    for _ in $(seq 40); do
        ! node_is_online || break
        sleep 3
    done
    node_is_online && guest true && [ "$(inits)" = "$before" ]
}

reboot_brings_back()
{
    local before
    before=$(inside cat /proc/sys/kernel/random/boot_id)
    inside systemctl reboot
    wait_inside 600 "[ \$(cat /proc/sys/kernel/random/boot_id) != $before ]" &&
        wait_inside 300 "systemctl is-active ${units[*]}" && wait_inside 300 "$(second_ssh) true" && guest true &&
        guest_is_confined && api "$USER_TOKEN" GET "/v1/vps/$VPS" | jq -e '.observed == "running"'
}

# The first VPS is needed no more: of the second, neither a row nor a file nor a profile stays.
delete_leaves_nothing()
{
    api "$USER_TOKEN" DELETE "/v1/vps/$second" | jq -c '{status: .task.status, error: .task.error}'
    for _ in $(seq 30); do
        inside "ls -d $state/agent/vps/$second $state/agent/pool/guests/$second; find /sys/fs/cgroup -name '*$second*'
            grep $second /sys/kernel/security/apparmor/profiles" </dev/null >"$work/left" 2>/dev/null
        [ -s "$work/left" ] || return 0
        sleep 2
    done
    cat "$work/left"
    return 1
}

# What quickstart and the agent change beside their own folder.
host_state()
{
    inside 'ls -d /var/lib/croft /run/lxc 2>/dev/null
        grep croft /proc/mounts; losetup -nO BACK-FILE; ip -o link | grep crv; ip -o address show dev lo
        nft list tables 2>/dev/null; getent passwd croft croft-agent; cat /etc/subuid /etc/subgid
        ls /etc/systemd/system | grep croft; find /sys/fs/cgroup -name "lxc.*"; pgrep -fa "[c]roft-(server|agent)|[l]xc monitor"
        cd /proc/sys && grep -H . net/ipv4/ip_forward net/ipv4/conf/all/forwarding net/ipv6/conf/all/forwarding \
            net/ipv6/conf/all/proxy_ndp net/ipv6/conf/default/proxy_ndp net/ipv4/neigh/default/proxy_delay \
            net/ipv6/neigh/default/proxy_delay' </dev/null
}

purge_leaves_nothing()
{
    inside 'cd croft && deploy/quickstart --purge' </dev/null || return 1
    host_state >"$work/after"
    diff "$work/before" "$work/after"
}
