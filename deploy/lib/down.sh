# shellcheck shell=bash
# shellcheck disable=SC2154 # variables shared by the parts that quickstart sources
# Stopping and removing. Everything by what was recorded when it was made, never by a name that others
# may use too.

# The containers below our own folder, one id a line.
guests()
{
    [ ! -d "$state/agent/vps" ] ||
        find "$state/agent/vps" -mindepth 2 -maxdepth 2 -name config -printf '%h\n' | xargs -r -n 1 basename
}

guest_runs()
{
    local now
    now=$(lxc-info -P "$state/agent/vps" -n "$1" -sH 2>/dev/null) && [ "$now" != STOPPED ]
}

# guests_stop [-k]: all at once, since each may take its time.
guests_stop()
{
    local guest
    for guest in $(guests); do
        ! guest_runs "$guest" || lxc-stop -P "$state/agent/vps" -n "$guest" "${@:--t60}" &
    done
    wait
    for guest in $(guests); do
        ! guest_runs "$guest" || lxc-stop -P "$state/agent/vps" -n "$guest" -k
    done
}

stop_part()
{
    printf '  %-32s' "$1"
    run_logged "$@"
    say "done"
}

down()
{
    [ -f "$state/quickstart.made" ] || die "nothing is installed at $state"
    state_open
    # The agent first: what happens to the guests now is not their owners' doing.
    stop_part "agent" daemon_stop agent TERM
    stop_part "guests" guests_stop
    # To the agent this is a reboot of the node: it starts those again that ran.
    [ ! -f "$state/agent/boot" ] || : >"$state/agent/boot"
    stop_part "server" daemon_stop server TERM
    stop_part "PostgreSQL" daemon_stop postgresql INT
    stop_part "lxcfs, if it was ours" lxcfs_stop
}

# Whether a guest sees lxcfs: there single files of it are mounted, while a mount namespace that only
# copied the host's (a service with PrivateTmp=, say) has the folder alone.
lxcfs_in_use()
{
    cat /proc/[0-9]*/mountinfo 2>/dev/null |
        awk '/ - fuse.lxcfs / && $5 != "/var/lib/lxcfs" { found = 1 } END { exit !found }'
}

lxcfs_stop()
{
    if [ -z "$(made_list lxcfs)" ] || ! daemon_alive lxcfs; then
        return 0
    fi
    if lxcfs_in_use; then
        echo "lxcfs serves guests of another installation: it stays"
        return 0
    fi
    daemon_stop lxcfs TERM
    ! mountpoint -q /var/lib/lxcfs || umount /var/lib/lxcfs
}

pool_remove()
{
    local device devices
    devices=$(losetup --noheadings --output NAME --associated "$state/agent/pool.img" 2>/dev/null || true)
    if mountpoint -q "$state/agent/pool"; then
        umount "$state/agent/pool"
    fi
    for device in $devices; do
        losetup --detach "$device" 2>/dev/null || true
    done
}

# Run in another network namespace than the agent's, purge must leave that one's network alone.
netns_is_ours()
{
    made_list netns | grep -qxF "$(netns_name)"
}

# Names of host-side devices come from the agent's own records, not from a pattern.
devices_remove()
{
    local slot
    netns_is_ours || return 0
    for slot in $(cat "$state"/agent/vps/*/state.json 2>/dev/null | jq -r '.spec.slot // empty'); do
        ip link delete "crv$slot" 2>/dev/null || true
    done
}

host_restore()
{
    local line key value
    made_list sysctl | while read -r key value; do
        if [[ $key == net/* ]] && ! netns_is_ours; then
            continue
        fi
        [ ! -w "/proc/sys/$key" ] || printf '%s\n' "$value" >"/proc/sys/$key"
    done
    made_list nft-table | while read -r line; do
        # shellcheck disable=SC2086 # family and name
        ! netns_is_ours || nft delete table $line 2>/dev/null || true
    done
    made_list address | while read -r line; do
        ! netns_is_ours || ip address delete "$line" dev lo 2>/dev/null || true
    done
    made_list ids | while read -r line; do
        # usermod --del-subuids refuses while root has processes, which is always.
        sed -i "/^root:${line%-*}:$((${line#*-} - ${line%-*} + 1))\$/d" /etc/subuid /etc/subgid
    done
    made_list unit | while read -r line; do
        systemctl disable --quiet "$line" 2>/dev/null || true
        rm -f "/etc/systemd/system/$line"
        systemctl daemon-reload
    done
    made_list lxcfs-unit | while read -r line; do
        lxcfs_in_use || systemctl stop "$line"
    done
    rm -rf "/run/lxc/lock${state:?}"
    rmdir --ignore-fail-on-non-empty /run/croft-reboots 2>/dev/null || true # other installations' notes
    made_list cgroup | while read -r line; do
        # Only what is empty can be removed.
        find /sys/fs/cgroup -maxdepth 3 -type d -name "$line" -exec rmdir {} + 2>/dev/null || true
    done
    users_remove
    made_list folder | while read -r line; do
        find "$line" -depth -type d -empty -delete 2>/dev/null || true
    done
}

# An account stays while another installation's programs run under it.
users_remove()
{
    local name
    made_list user | while read -r name; do
        if ! id "$name" >/dev/null 2>&1; then
            continue
        elif [ -z "$(find /proc -maxdepth 1 -user "$name" -print -quit 2>/dev/null)" ]; then
            userdel "$name"
        else
            echo "user $name is in use by something else and stays"
        fi
    done
}

# What others have come to need is left, and said.
stays()
{
    local pid name
    if pid=$(daemon_pid lxcfs); then
        say "lxcfs (pid $pid) stays: containers of others use it."
    fi
    for name in $(made_list user); do
        ! id "$name" >/dev/null 2>&1 || say "User $name stays: programs of others run under it."
    done
}

state_remove()
{
    [ "$(head -n 1 "$state/quickstart.made")" = "state $state" ] || die "$state is not ours"
    ! mountpoint -q "$state/agent/pool" || die "$state/agent/pool is still mounted"
    if [ -n "$(made_list kept-folder)" ]; then
        find "$state" -xdev -mindepth 1 -delete
    else
        rm -rf --one-file-system "${state:?}"
    fi
}

purge()
{
    [ -f "$state/quickstart.made" ] || {
        say "nothing is installed at $state"
        return 0
    }
    state_open
    stop_part "agent" daemon_stop agent TERM
    stop_part "guests" guests_stop -k
    stop_part "server" daemon_stop server TERM
    stop_part "PostgreSQL" daemon_stop postgresql INT
    stop_part "lxcfs, if it was ours" lxcfs_stop
    stop_part "network devices" devices_remove
    stop_part "storage pool" pool_remove
    stop_part "changes to the host" host_restore
    stays
    state_remove
    say "Removed. Packages that were installed stay."
}
