# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2016,SC2015 # variables of run and of install.sh; what is quoted is for a shell of the machine
# What is done on the machine through the API, and what is looked at. Each prints what it saw and succeeds if that is right.

created()
{
    { [ -n "$vps" ] || vps_new first "$small" "$busybox" vps; } && is_observed "$vps" running && inside "lxc-info -P /var/lib/croft/agent/vps -n $vps -sH" &&
        until_true 120 guest_ssh "$vps_address" 'hostname; free | head -n 2; nproc'
}

stopped_and_started()
{
    local before
    before=$(guest_init "$vps")
    order POST "/v1/vps/$vps/stop" && is_observed "$vps" stopped && inside "[ ! -e /proc/$before ]" || return 1
    [ -z "$(inside "find /sys/fs/cgroup -name lxc.payload.$vps")" ] || return 1
    order POST "/v1/vps/$vps/start" && is_observed "$vps" running && until_true 120 guest_ssh "$vps_address" uptime
}

rebooted()
{
    local before now
    before=$(guest_init "$vps")
    order POST "/v1/vps/$vps/reboot" && until_true 120 guest_ssh "$vps_address" true && now=$(guest_init "$vps")
    echo "$before, now $now"
    [ -n "$now" ] && [ "$now" != "$before" ]
}

# init_is_another VPS PID
init_is_another()
{
    local now
    now=$(guest_init "$1" 2>/dev/null) && [ -n "$now" ] && [ "$now" != "$2" ] && [ "$now" != -1 ]
}

# By itself: liblxc stops, the agent starts.
rebooted_from_inside()
{
    local before
    before=$(guest_init "$vps")
    guest "$vps" 'reboot -f' || true
    until_true 180 init_is_another "$vps" "$before" && until_true 120 guest_ssh "$vps_address" true
}

snapshot_and_restore()
{
    local snapshot
    guest "$vps" 'echo kept >/root/file; sync' && order POST "/v1/vps/$vps/snapshots" '{"name":"one"}' || return 1
    snapshot=$(jq -er '.snapshot.id' "$work/answer") && guest "$vps" 'echo changed >/root/file; touch /root/later' &&
        order POST "/v1/snapshots/$snapshot/restore" && is_observed "$vps" running || return 1
    guest "$vps" 'cat /root/file; ls /root/later' | tee "$work/file"
    grep -qx kept "$work/file" && ! grep -q later "$work/file" && order DELETE "/v1/snapshots/$snapshot"
}

# Live: the same init, the limits of the other plan, and back.
resized()
{
    local before
    before=$(guest_init "$vps")
    order POST "/v1/vps/$vps/resize" "{\"plan_id\":\"$larger\"}" && limits_are_those_of "$larger" "$vps" || return 1
    guest "$vps" 'free; nproc; df /'
    order POST "/v1/vps/$vps/resize" "{\"plan_id\":\"$small\"}" && limits_are_those_of "$small" "$vps" && [ "$(guest_init "$vps")" = "$before" ]
}

# By the text client of tests/system: a shell of the guest, over the server, the link and back.
console_answers()
{
    local client=$here/../system/dist/console.js
    [ -f "$client" ] || { echo "tests/system is not compiled"; return 77; }
    # shellcheck disable=SC2016 # for the guest's shell
    { sleep 20; printf 'echo console-$((40 + 2))\n'; sleep 20; printf 'exit\n'; sleep 5; } |
        timeout 180 node "$client" "http://127.0.0.1:$api_port" "$customer_token" "$vps" shell >"$work/console" 2>&1
    tr -d '\r' <"$work/console"
    tr -d '\r' <"$work/console" | grep -q '^console-42$'
}

# Two of two are taken: the third is refused, and nothing of it is made.
quota_holds()
{
    local answer
    [ -n "$other" ] || vps_new second "$small" "$busybox" other || return 1
    until_true 300 node_is_online
    answer=$(customer POST /v1/vps "{\"name\":\"third\",\"plan_id\":\"$small\",\"image_id\":\"$busybox\",\"location_id\":\"$location\"}")
    jq -c '{status, code, detail}' <<<"$answer"
    [ "$(jq -r .code <<<"$answer")" = quota_exceeded ] && [ "$(customer GET /v1/vps | jq '.items | length')" = 2 ]
}

# Kept apart: neither reaches the other's address with its own name on it.
neighbours_reach_each_other()
{
    guest "$other" "ping -c 2 -W 20 $vps_address"
}

check_operations()
{
    check "create: it runs and answers by ssh" created || return
    check "stop: no process, no cgroup; start" stopped_and_started
    check "reboot" rebooted
    check "reboot from inside" rebooted_from_inside
    check "snapshot, restore, delete of the snapshot" snapshot_and_restore
    shown "resize up and down while it runs" resized
    check "console" console_answers
    check "quota: a third VPS of two is refused" quota_holds
    check "two guests reach each other by their addresses" neighbours_reach_each_other
}

# usage VPS
usage()
{
    customer GET "/v1/vps/$1/usage" | jq -c '{cpu_ns, memory_byte_seconds, net_rx_bytes, io_write_bytes, gaps, last}'
}

usage_has_come()
{
    usage "$vps" >"$work/usage.json" &&
        jq -e '.last != null and .cpu_ns > 0 and .last.memory_bytes > 0 and .last.pids > 0 and .memory_byte_seconds > 0' "$work/usage.json" >/dev/null
}

usage_arrives()
{
    until_true 300 usage_has_come
    local status=$?
    cat "$work/usage.json"
    [ "$status" -eq 0 ] || inside 'journalctl -u croft-agent -n 20 --no-pager; ls -la /var/lib/croft/agent/spool'
    return "$status"
}

cpu_has_grown()
{
    usage_has_come && [ "$(jq .cpu_ns "$work/usage.json")" -ge "$1" ]
}

# Ten seconds of work are billed, and no more than the kernel counted.
usage_follows()
{
    local before counted
    before=$(usage "$vps" | jq .cpu_ns)
    guest "$vps" 'timeout 10 sh -c "while :; do :; done"; true'
    until_true 300 cpu_has_grown $((before + 5000000000)) || { cat "$work/usage.json"; return 1; }
    counted=$(inside "sed -n 's/^usage_usec //p' /sys/fs/cgroup/lxc.payload.$vps/cpu.stat")
    echo "before $before ns, now $(cat "$work/usage.json"), this boot's cgroup $counted us"
}

check_usage()
{
    shown "usage is counted from cgroup v2 and arrives" usage_arrives
    shown "usage follows the work" usage_follows
}

# The pids of both inits.
inits()
{
    local one
    for one in "$vps" "$other"; do
        guest_init "$one"
    done
}

main_pid()
{
    inside systemctl show -p MainPID --value "$1"
}

# main_is_another UNIT PID
main_is_another()
{
    local now
    now=$(main_pid "$1")
    [ "$now" != "$2" ] && [ "$now" != 0 ]
}

# kill_main UNIT: its first process; systemd makes another.
kill_main()
{
    local before
    before=$(main_pid "$1")
    inside kill -KILL "$before"
    until_true 120 main_is_another "$1" "$before" && echo "$1: $before, now $(main_pid "$1")"
}

server_comes_back()
{
    local before
    before=$(inits)
    kill_main croft-server && until_true 180 curl --silent --fail --max-time 10 "http://127.0.0.1:$api_port/readyz" &&
        until_true 300 node_is_online && [ "$(inits)" = "$before" ]
}

agent_comes_back()
{
    local before
    before=$(inits)
    kill_main croft-agent || return 1
    sleep 15
    until_true 300 node_is_online && [ "$(inits)" = "$before" ] && guest_ssh "$vps_address" true &&
        order POST "/v1/vps/$vps/reboot" && until_true 120 guest_ssh "$vps_address" true
}

# Its broker and link, too: none of them is needed by a guest.
agent_stopped_guests_run()
{
    local before
    before=$(inits)
    inside systemctl stop croft-agent && guest_ssh "$vps_address" true && [ "$(inits)" = "$before" ] &&
        inside systemctl start croft-agent && until_true 300 node_is_online && [ "$(inits)" = "$before" ]
}

check_deaths()
{
    shown "kill -9 of the server's first process: systemd makes another, guests run on" server_comes_back
    shown "kill -9 of the agent's first process: systemd makes another, guests run on, orders are carried out" agent_comes_back
    check "the agent stopped and started: guests run on" agent_stopped_guests_run
}

machine_booted_anew()
{
    local before
    before=$(inside cat /proc/sys/kernel/random/boot_id)
    inside systemctl reboot
    sleep 10
    ssh -O exit -o ControlPath="$work/ssh" root@127.0.0.1
    wait_inside 900 "[ \$(cat /proc/sys/kernel/random/boot_id) != $before ]" && wait_inside 300 systemctl is-active croft-server croft-agent postgresql
}

guests_are_back()
{
    until_true 600 is_observed "$vps" running && until_true 300 guest_ssh "$vps_address" uptime &&
        limits_are_those_of "$small" "$vps" && confined "$vps"
}

usage_goes_on()
{
    local before
    before=$(cat "$work/usage.before")
    until_true 300 cpu_has_grown $((before + 1)) || { echo "before $before"; cat "$work/usage.json"; return 1; }
    echo "before $before ns, now $(cat "$work/usage.json")"
}

check_reboot()
{
    usage "$vps" | jq .cpu_ns >"$work/usage.before"
    check "the machine reboots, units are active" machine_booted_anew || return
    check "guests run again by themselves, limited and confined" guests_are_back
    shown "usage goes on" usage_goes_on
}

delete_leaves_nothing()
{
    order DELETE "/v1/vps/$other" || return 1
    for _ in $(seq 30); do
        inside "ls -d /var/lib/croft/agent/vps/$other /var/lib/croft/agent/pool/guests/$other; find /sys/fs/cgroup /var/cache/lxc -name '*$other*'
            grep $other /sys/kernel/security/apparmor/profiles; nft list ruleset | grep '$other_address'" >"$work/left" 2>/dev/null
        [ -s "$work/left" ] || return 0
        sleep 2
    done
    cat "$work/left"
    return 1
}

check_delete()
{
    check "a deleted VPS leaves no row, file, cgroup, profile or rule" delete_leaves_nothing
}

removed_keeps_state()
{
    local before
    before=$(guest_init "$vps")
    inside 'dpkg --remove croft-agent croft-server && ls -d /var/lib/croft/agent/pki /var/lib/croft/server/pki /etc/croft/agent.yaml /etc/croft/server.yaml' &&
        [ "$(guest_init "$vps")" = "$before" ] && guest_ssh "$vps_address" true &&
        inside 'dpkg --install /root/packages/*.deb && systemctl restart croft-server croft-agent' && until_true 300 node_is_online
}

purge_leaves_nothing()
{
    inside 'dpkg --purge croft-agent croft-server' || return 1
    host_state >"$work/after"
    diff "$work/before" "$work/after"
}

check_purge()
{
    check "dpkg --remove keeps state and guests; installed again it goes on" removed_keeps_state
    check "dpkg --purge ends guests and leaves nothing" purge_leaves_nothing
}
