# shellcheck shell=bash
# shellcheck disable=SC2154,SC2016 # variables of run and of install.sh; what is quoted is for a shell of the machine
# Limits as the kernel has them and as they act, the profile, and the probes of `croft-agent check`.

# cg VPS FILE: a file of the VPS's cgroup.
cg()
{
    inside cat "/sys/fs/cgroup/lxc.payload.$1/$2"
}

# limits_are_those_of PLAN VPS
limits_are_those_of()
{
    local plan got wanted
    plan=$(operator GET "/v1/admin/plans/$1") || return 1
    wanted=$(jq -r '"memory.max \(.memory_bytes)\nmemory.swap.max \(.swap_bytes)\npids.max \(.pids)\ncpu.max \(.vcpus * 100000) 100000"' <<<"$plan")
    got=$(inside "cd /sys/fs/cgroup/lxc.payload.$2 && for f in memory.max memory.swap.max pids.max cpu.max; do echo \$f \$(cat \$f); done")
    echo "$got"
    cg "$2" io.max | tee "$work/io.max"
    [ "$got" = "$wanted" ] && grep -q " rbps=$(jq .io_bps <<<"$plan") wbps=$(jq .io_bps <<<"$plan") " "$work/io.max"
}

# event VPS FILE KEY: a counter of the cgroup.
event()
{
    cg "$1" "$2" | sed -n "s/^$3 //p"
}

# It answers over its network, while the other is at its limit.
neighbour_lives()
{
    [ -n "$other" ] && guest_ssh "$other_address" true
}

memory_acts()
{
    local before now init
    init=$(guest_init "$vps")
    before=$(event "$vps" memory.events oom_kill)
    guest "$vps" 'tail /dev/zero'
    now=$(event "$vps" memory.events oom_kill)
    echo "oom_kill $before, now $now, peak $(cg "$vps" memory.peak) of $(cg "$vps" memory.max)"
    [ "$now" -gt "$before" ] && [ "$(guest_init "$vps")" = "$init" ] && [ "$(cg "$vps" memory.peak)" -le "$(cg "$vps" memory.max)" ] &&
        neighbour_lives
}

# A file in memory is memory. Whoever is killed, the file stays, and nothing more can begin in the guest until its owner starts it anew.
tmpfs_acts()
{
    guest "$vps" 'mkdir -p /tmp/m && mount -t tmpfs tmpfs /tmp/m && dd if=/dev/zero of=/tmp/m/f bs=1M count=400; echo "status $?"' 2>&1 | tee "$work/tmpfs"
    cg "$vps" memory.stat | grep -w shmem | tee "$work/shmem"
    ! grep -qx 'status 0' "$work/tmpfs" && [ "$(cut -d ' ' -f 2 "$work/shmem")" -gt 200000000 ] && neighbour_lives &&
        order POST "/v1/vps/$vps/reboot" && until_true 120 guest "$vps" true
}

# Before Linux 6.11 a refusal is counted where the process was that forked, anywhere below.
forks_refused()
{
    inside "find /sys/fs/cgroup/lxc.payload.$1 -name pids.events -exec sed -n 's/^max //p' {} +" | awk '{sum += $1} END {print sum + 0}'
}

pids_act()
{
    guest "$vps" 'n=0; while [ $n -lt 200 ]; do sleep 300 >/dev/null 2>&1 </dev/null & n=$((n + 1)); done; echo "all were started"' 2>&1 | tail -n 3 | tee "$work/pids"
    echo "now $(cg "$vps" pids.current) of $(cg "$vps" pids.max), refused $(forks_refused "$vps")"
    [ "$(cg "$vps" pids.current)" -le 128 ] && [ "$(forks_refused "$vps")" -gt 0 ] && ! grep -q 'all were' "$work/pids" &&
        neighbour_lives
    local status=$?
    inside "find /sys/fs/cgroup/lxc.payload.$vps -name cgroup.procs -exec cat {} + | while read p; do
        tr '\\0' ' ' </proc/\$p/cmdline | grep -q '^sleep 300' && kill \$p; done; true"
    return "$status"
}

disk_acts()
{
    guest "$vps" 'dd if=/dev/zero of=/full bs=1M count=700; echo "status $?"; stat -c %s /full; rm /full; sync' >"$work/disk" 2>&1
    cat "$work/disk"
    grep -q 'quota exceeded' "$work/disk" && ! grep -qx 'status 0' "$work/disk" &&
        [ "$(grep -xE '[0-9]+' "$work/disk")" -le 536870912 ] && guest "$other" 'echo there >/file && sync && cat /file'
}

# Two programs that never rest on a plan of one processor.
cpu_acts()
{
    inside "cd /sys/fs/cgroup/lxc.payload.$vps
        at() { sed -n 's/^'\$1' //p' cpu.stat; }
        lxc-attach -P /var/lib/croft/agent/vps -n $vps --clear-env -- sh -c 'for i in 1 2; do timeout 20 sh -c \"while :; do :; done\" & done' &
        sleep 5; u=\$(at usage_usec) t=\$(at nr_throttled) w=\$(date +%s%N)
        sleep 10; echo \$(((\$(at usage_usec) - u) * 100000 / ((\$(date +%s%N) - w) / 1000))) \$((\$(at nr_throttled) - t)); wait" | tee "$work/cpu"
    local share throttled
    read -r share throttled <"$work/cpu"
    echo "thousandths of a percent of one processor: $share, periods held back: $throttled"
    [ "$share" -le 103000 ] && [ "$throttled" -gt 0 ]
}

# 24 MiB at 4 MiB a second: written back, which cgroup v2 charges to who wrote.
io_acts()
{
    local begun=$SECONDS before=0 now
    before=$(cg "$vps" io.stat | sed -n 's/.* wbytes=\([0-9]*\).*/\1/p' | sort -n | tail -n 1)
    guest "$vps" 'dd if=/dev/urandom of=/io bs=1M count=24 conv=fsync; rm /io'
    now=$(cg "$vps" io.stat | sed -n 's/.* wbytes=\([0-9]*\).*/\1/p' | sort -n | tail -n 1)
    echo "$((SECONDS - begun)) s, wbytes ${before:-0}, now $now"
    cg "$vps" io.stat
    [ $((SECONDS - begun)) -ge 5 ] && [ $((now - ${before:-0})) -ge 20000000 ]
}

confined()
{
    local pid
    pid=$(guest_init "$1") && inside "cat /proc/$pid/attr/current; grep -E '^(CapBnd|Seccomp|NoNewPrivs)' /proc/$pid/status; cat /proc/$pid/uid_map" |
        tee "$work/profile"
    grep -qE '^lxc-.* \(enforce\)$' "$work/profile" && grep -qE '^Seccomp:[[:space:]]*2$' "$work/profile" && ! grep -qE '^ *0 +0 ' "$work/profile"
}

# Written by the guest's root, refused by the profile and the id map alike; an audit line says which.
profile_acts()
{
    guest "$vps" 'for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/uevent_helper; do echo x >$f && echo "written $f"; done
        mount -t debugfs d /mnt && echo "mounted debugfs"; mount -t securityfs s /mnt && echo "mounted securityfs"; true' 2>&1 | tee "$work/refused"
    ! grep -qE '^(written|mounted)' "$work/refused"
}

met_limits_are_told()
{
    customer GET "/v1/vps/$vps/limits" >"$work/limits.json" &&
        jq -e '(.last_oom_kills | length > 0) and all(.limits[] | select(.name == "memory" or .name == "processes"); .hits_total > 0)' \
            "$work/limits.json" >/dev/null
}

limits_are_told()
{
    until_true 240 met_limits_are_told
    local status=$?
    jq -c '{last_oom_kills, limits: [.limits[]? | select(.hits_total > 0)]}' "$work/limits.json" || cat "$work/limits.json"
    return "$status"
}

check_limits()
{
    [ -n "$other" ] || check "a second guest is there" vps_new second "$small" "$busybox" other || return
    shown "memory.max, memory.swap.max, pids.max, cpu.max and io.max are the plan's" limits_are_those_of "$small" "$vps"
    shown "memory: what is too much is killed, init and neighbour live" memory_acts
    check "memory: a tmpfs is bounded" tmpfs_acts
    shown "pids: a fork too many is refused, the neighbour lives" pids_act
    shown "disk: a file ends at the quota, the neighbour writes" disk_acts
    shown "cpu: two hogs get one processor" cpu_acts
    shown "io: what is written back is slowed down and charged" io_acts
    shown "its init is confined: AppArmor profile in force, seccomp, id map" confined "$vps"
    check "what the profile forbids is refused" profile_acts
    shown "the API tells the owner which limits were met" limits_are_told
}

# debian-12-check has a systemd for the fidelity probes; it is made here, since the machine has no network.
probes_pass()
{
    local file status=0
    file=$("$here/../lib/image" debian-12-check) && inside 'cat >/var/tmp/check.tar.zst' <"$file" || return 1
    inside 'croft-agent check --image /var/tmp/check.tar.zst --probes --json /var/tmp/probes.json' </dev/null || status=$?
    inside 'cat /var/tmp/probes.json' >"$cache/probes.json"
    jq -r '"fidelity \([.fidelity[] | select(.passed)] | length) of \(.fidelity | length)",
        "escapes refused \([.escapes[] | select(.refused)] | length) of \(.escapes | length)",
        (.fidelity[] | select(.passed | not) | "not: \(.name): \(.said)"), (.escapes[] | select(.refused | not) | "not refused: \(.name)"),
        (.features[] | select(.present | not) | "missing: \(.name)"), .verdict, .reasons[]' "$cache/probes.json"
    [ "$status" -le 1 ] && [ "$(jq '[.escapes[] | select(.refused | not)] | length' "$cache/probes.json")" = 0 ] &&
        [ "$(jq '[.fidelity[] | select(.passed | not)] | length' "$cache/probes.json")" -le 1 ] # df: docs/isolation.md
}

check_probes()
{
    shown "croft-agent check --probes: escapes refused, fidelity but for df" probes_pass
}

# Only when it is named: an hour. Its figures of speed are those of an emulated machine; what is taken beyond a limit is not.
full_passes()
{
    local file status=0
    file=$("$here/../lib/image" debian-12-check) && inside 'cat >/var/tmp/check.tar.zst' <"$file" || return 1
    inside 'croft-agent check --image /var/tmp/check.tar.zst --full --json /var/tmp/full.json --html /var/tmp/full.html' </dev/null || status=$?
    inside 'cat /var/tmp/full.json' >"$cache/full.json"
    inside 'cat /var/tmp/full.html' >"$cache/full.html"
    [ "$status" -le 1 ] # nothing broken: no escape, no limit that does not hold, nobody dead
}

check_full()
{
    shown "croft-agent check --full: not broken" full_passes
}
