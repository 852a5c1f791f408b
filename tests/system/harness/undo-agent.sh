#!/bin/sh
# undo-agent.sh STATE_DIR: ends every process of an agent and its guests, however they were left, and
# takes back mounts, loop devices and cgroups. The state folder names them all: it stands in the command
# line of the agent's processes and of liblxc's monitors.
state=$1

descendants()
{
    cat "/proc/$1/task/"*/children 2>/dev/null | tr ' ' '\n' | while read -r child; do
        descendants "$child"
        echo "$child"
    done
}

# Twice: a master that was about to restart a child may have done so.
for _ in 1 2; do
    # One look at all of them: on a busy machine a program for each takes more time than clean-up has. This script and its own
    # subshells bear the name too: to look for their descendants would make more of them without end.
    grep -laF -- "$state" /proc/[0-9]*/cmdline 2>/dev/null | while read -r cmdline; do
        pid=${cmdline#/proc/}
        pid=${pid%/cmdline}
        case $pid in "$$" | "$PPID") continue ;; esac
        case $(cat "/proc/$pid/comm" 2>/dev/null) in sh | grep | undo-agent.sh | '') continue ;; esac
        family=$(descendants "$pid")
        # shellcheck disable=SC2086 # a list of process ids
        kill -9 $pid $family 2>/dev/null
    done
    sleep 0.2
done

awk -v s="$state/" 'index($2, s) == 1 {print $2}' /proc/mounts | sort -r | while read -r mount; do
    umount "$mount" || umount -l "$mount"
done
if [ -e "$state/pool.img" ]; then
    losetup -j "$state/pool.img" | cut -d: -f1 | xargs -r losetup -d
fi
for vps in "$state"/vps/*; do
    [ -d "$vps" ] || continue
    # A guest of crun's has no monitor that would have led to it.
    find /sys/fs/cgroup -type d -name "lxc.payload.${vps##*/}" -exec find {} -name cgroup.procs -exec cat {} + \; 2>/dev/null | sort -u |
        while read -r pid; do kill -9 "$pid" 2>/dev/null; done
    find /sys/fs/cgroup -depth -type d -name "*${vps##*/}*" -exec find {} -depth -type d \; 2>/dev/null |
        while read -r group; do rmdir "$group" 2>/dev/null; done
    rm -rf "/run/croft-crun/${vps##*/}"
done
exit 0
