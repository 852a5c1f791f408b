# shellcheck shell=bash
# What the suites could leave behind on the machine. Sourced by tests/run.
#
# What this run makes bears its name, CROFT_RUN, in a path, a command line or the environment, and is its
# own beyond doubt. What is Croft's and bears no name of a run (a cgroup, a table, a unit test's folder)
# counts as well, unless somebody else's Croft runs here: then it may be theirs.

# leaks_processes WHOSE: "own" or "others"; one line each.
leaks_processes()
{
    local folder text mine
    for folder in /proc/[0-9]*; do
        text=$(tr '\0' ' ' 2>/dev/null <"$folder/cmdline") || continue
        mine=others
        if [[ $text == *"croft-test-$CROFT_RUN"* ]] ||
            grep -qzxF "CROFT_RUN=$CROFT_RUN" "$folder/environ" 2>/dev/null; then
            mine=own
        elif [[ $text != *croft-server* && $text != *croft-agent* && $text != */croft-* ]]; then
            continue
        fi
        [ "$mine" != "$1" ] || echo "process ${folder##*/} ${text:0:150}"
    done
}

# Everything of Croft's, ours or not, but the processes. One line a thing; the same things, the same lines.
leaks_things()
{
    awk '$2 ~ /croft/ {print "mount " $2 " " $3}' /proc/mounts
    losetup -nO NAME,BACK-FILE 2>/dev/null | grep croft | sed 's/^/loop /'
    ip -o link show | sed -nE 's/^[0-9]+: (crv[0-9]+|ct[^@:]{13})[@:].*/link \1/p'
    ip netns list 2>/dev/null | grep croft | sed 's/^/namespace /; s/ (id.*//'
    nft list tables 2>/dev/null | grep croft | sed 's/^/nft /'
    find /sys/fs/cgroup -type d -regextype posix-extended \
        -regex '.*/lxc\.[a-z]+\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[^/]*' 2>/dev/null | sed 's/^/cgroup /'
    find /var/lib /tmp -maxdepth 1 -name 'croft-*' ! -name 'croft-tests.*' 2>/dev/null | sed 's/^/folder /'
}

leaks_snapshot()
{
    leaks_things | sort -u
}

# What is there and was not there before, of ours. Others have their own names, or run.
leaks_left()
{
    local new
    new=$(leaks_things | sort -u | comm -13 "$1" -)
    if [ -n "$(leaks_processes others)" ]; then
        new=$(grep -F "$CROFT_RUN" <<<"$new")
    fi
    { printf '%s\n' "$new"; leaks_processes own; } | grep . | sort -u
}

# The kernel takes links and cgroups down a little after their last user: a leak is there every time.
leaks_compare()
{
    local tries=50 left
    left=$(leaks_left "$1")
    while [ -n "$left" ] && [ "$tries" -gt 0 ]; do
        sleep 0.2
        left=$(comm -12 <(printf '%s\n' "$left") <(leaks_left "$1"))
        tries=$((tries - 1))
    done
    [ -z "$left" ] || printf 'left behind:\n%s\n' "$left"
    [ -z "$left" ]
}
