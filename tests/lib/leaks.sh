# shellcheck shell=bash
# What the suites could leave behind on the machine. Sourced by tests/run.

leaks_processes()
{
    local cmdline text
    for cmdline in /proc/[0-9]*/cmdline; do
        text=$(tr '\0' ' ' 2>/dev/null <"$cmdline")
        case $text in
        *croft-server* | *croft-agent* | *croft-test* | *"[lxc monitor]"*)
            echo "process ${text:0:150}" ;;
        esac
    done
}

# One line a thing; the same things give the same lines.
leaks_snapshot()
{
    {
        awk '{print "mount " $2 " " $3}' /proc/mounts
        losetup -nO NAME,BACK-FILE 2>/dev/null | sed 's/^/loop /'
        ip -o link show | awk -F': ' '{print "link " $2}' | sed 's/@.*//'
        ip netns list 2>/dev/null | sed 's/^/namespace /; s/ (id.*//'
        nft list tables 2>/dev/null | sed 's/^/nft /'
        find /sys/fs/cgroup -type d \( -name 'lxc*' -o -name 'croft*' \) 2>/dev/null | sed 's/^/cgroup /'
        find /var/lib /tmp -maxdepth 1 -name 'croft-test-*' 2>/dev/null | sed 's/^/folder /'
        leaks_processes
    } | sort -u
}

# Says what is there after that was not there before; things of others that went away do not matter.
# The kernel takes links and cgroups down a little after their last user.
leaks_compare()
{
    local tries=50 left
    while :; do
        leaks_snapshot >"$2"
        left=$(comm -13 "$1" "$2")
        if [ -z "$left" ] || [ "$tries" -eq 0 ]; then
            break
        fi
        sleep 0.2
        tries=$((tries - 1))
    done
    [ -z "$left" ] || printf 'left behind:\n%s\n' "$left"
    [ -z "$left" ]
}
