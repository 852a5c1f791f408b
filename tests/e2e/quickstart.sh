#!/bin/bash
# deploy/quickstart end to end on a state folder, ports and namespaces of its own: what a newcomer sees, that
# the limits of the plan hold inside, and that --purge leaves the machine as it was.
# usage: quickstart.sh [busybox]    (busybox: the small image, without the checks that need systemd)
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$(dirname "$here")")
image=${1:-debian-12}
work=$(mktemp -d "/tmp/croft-test-qs.${CROFT_RUN:-}XXXXXX")
state=/var/lib/croft-qs-${work##*.}
port=$((20000 + RANDOM % 9000))
passed=0 failed=0
holder=

# check NAME COMMAND...
check()
{
    local name=$1
    shift
    if "$@" >"$work/output" 2>&1; then
        passed=$((passed + 1))
        echo "ok - $name"
    else
        failed=$((failed + 1))
        echo "not ok - $name"
        tail -n 30 "$work/output" | sed 's/^/  # /'
    fi
}

# In the namespaces of the machine that the test pretends to be.
inside()
{
    nsenter --target "$holder" --net --mount --pid -- "$@"
}

quickstart()
{
    case ${1-} in
    --down | --purge) echo "deploy/quickstart $1" ;;
    *) echo "deploy/quickstart" ;;
    esac >>"$work/commands"
    inside "$work/source/deploy/quickstart" --no-packages --state "$state" "$@"
}

# Mounts, loop devices, cgroups and accounts of the machine; the network, the settings and the processes of
# our own namespaces.
snapshot()
{
    # shellcheck disable=SC2016 # awk's fields
    inside awk '!/croft-(test|qs)-/ {print "mount " $5 " " $9}' /proc/self/mountinfo
    losetup --noheadings --output NAME,BACK-FILE | grep -vE '/croft-(test|qs)-' | sed 's/^/loop /'
    ip -o link | awk -F': ' '/: crv/ {print "host-link " $2}'
    inside ip -o link | awk -F': ' '{print "link " $2}'
    inside ip -o address | awk '{print "address " $2, $3, $4}'
    inside ip route | sed 's/^/route /'
    inside ip -6 route | sed 's/^/route /'
    inside nft list ruleset | sed 's/^/nft /'
    inside sh -c 'cd /proc/sys && grep -rH . net/ipv4/ip_forward net/ipv4/conf net/ipv6/conf net/ipv4/neigh/default \
        net/ipv6/neigh/default fs/inotify kernel/keys 2>/dev/null' | grep -v stable_secret
    getent passwd | sed 's/^/user /'
    getent group | sed 's/^/group /'
    find /run/lxc /etc/systemd/system -maxdepth 1 -name '*croft*' ! -name 'croft-test-*' 2>/dev/null
    find /sys/fs/cgroup -maxdepth 3 -type d -name 'lxc.pivot' | sed 's/^/cgroup /'
    snapshot_processes
}

# Those of our process namespace, with what looks at them left out.
snapshot_processes()
{
    inside ps -eo args= | grep -vxE '(ps -eo args=|.*nsenter.*)' | sed 's/^/process /'
}

finish()
{
    trap - EXIT INT TERM
    quickstart --purge >"$work/purge.log" 2>&1 || tail -n 20 "$work/purge.log"
    # Process 1 of a process namespace takes all others in it along.
    [ -z "$holder" ] || kill -KILL "$holder" 2>/dev/null
    rm -rf "${work:?}"
    echo "$passed passed, $failed failed, 0 skipped"
    [ "$failed" -eq 0 ]
    exit
}

# A copy, so that an edit in between is not a reason to build again.
copy_source()
{
    mkdir "$work/source"
    cp -r "$root"/{meson.build,meson_options.txt,common,server,agent,migrations,deploy,docs} "$work/source/"
    mkdir -p "$work/source/tests"
    cp -r "$root"/tests/bench "$work/source/tests/"
}

# Where the first process of a machine is, and liblxc puts its own beside it.
enter_top_cgroups()
{
    local top
    while read -r top; do
        echo "$BASHPID" >"$top/cgroup.procs"
    done < <(awk '/ - cgroup2? / {print $5}' /proc/self/mountinfo)
    exec "$@"
}

# A machine of its own, as far as it goes without another kernel: processes, mounts and network. It has an
# uplink, since a node has a default route, but nothing answers behind it; no lxcfs, so that quickstart starts
# one; no systemd.
make_machine()
{
    local unshare
    # bash, unlike sleep, waits for the children that it inherits.
    # Slave: what others unmount meanwhile is not held by us.
    enter_top_cgroups setsid unshare --net --mount --propagation slave --pid --fork --kill-child --mount-proc \
        bash -c 'sleep infinity & wait' </dev/null >/dev/null 2>&1 &
    unshare=$!
    for _ in $(seq 50); do
        holder=$(pgrep -P "$unshare" -x bash) && inside true 2>/dev/null && break
        sleep 0.1
    done
    inside sh -c '! mountpoint -q /var/lib/lxcfs || umount --lazy /var/lib/lxcfs
        [ ! -d /run/systemd ] || mount -t tmpfs none /run/systemd'
    inside ip link set lo up
    inside ip link add up0 type veth peer name up1
    inside ip link set up1 up
    inside ip link set up0 up
    inside ip address add 198.51.100.2/24 dev up0
    inside ip route add default via 198.51.100.1
    # IPv6 needs a moment until the addresses of the new links are no longer tentative.
    sleep 2.5
}

# What a person does with the printed sign-in, in a browser: tests/system/tour.ts.
panel_is_toured()
{
    inside env CROFT_TOUR_EMAIL="$USER_EMAIL" CROFT_TOUR_PASSWORD="$USER_PASSWORD" \
        node "$root/tests/system/dist/tour.js" "http://127.0.0.1:$port"
}

# Who tries Croft wants to see the operator's rooms, and a snapshot.
all_can_be_tried()
{
    api '' POST /v1/sessions "$(jq -n --arg e "$OPERATOR_EMAIL" --arg p "$OPERATOR_PASSWORD" '{email: $e, password: $p}')" >/dev/null &&
        api "$USER_TOKEN" GET /v1/quotas | jq -e '[.items[] | select(.resource | IN("snapshots", "image_bytes")) | .limit > 0] == [true, true]' >/dev/null
}

# Nor a registry: the panel is built outside, too.
make_panel()
{
    [ -f "$root/web/dist/index.html" ] && return
    here=$root/tests
    # shellcheck source=tests/lib/install.sh
    . "$root/tests/lib/install.sh"
    install_web_modules && (cd "$root/web" && npm run --silent build)
}

# The namespace reaches no package archive: the image is made outside, once per state of its recipe.
make_image()
{
    image_file=$("$root/tests/lib/image" "$image") && [ -f "$image_file" ]
}

up()
{
    quickstart --port-base "$port" --image "$image_file" --panel "$root/web/dist" ${small:+"$small"} >"$work/up.log" 2>&1
    local status=$?
    cat "$work/up.log"
    # shellcheck source=/dev/null
    . "$state/quickstart.env"
    return $status
}

# guest COMMAND: in the first VPS, by the ssh line that quickstart printed.
guest()
{
    local line
    line=$(sed -n 's/^  ssh  *//p' "$work/up.log")
    # shellcheck disable=SC2086 # words of a command line
    inside $line -o BatchMode=yes -o ConnectTimeout=5 "$@" </dev/null
}

guest_of_other()
{
    inside ssh -i "$state/ssh/id_ed25519" -o UserKnownHostsFile="$state/ssh/known_hosts" -o BatchMode=yes \
        -o StrictHostKeyChecking=accept-new -o ConnectTimeout=5 "root@$other_address" "$@" </dev/null
}

# api TOKEN METHOD PATH [BODY]
api()
{
    inside curl --silent --show-error --fail-with-body --max-time 90 --request "$2" \
        ${1:+--header "Authorization: Bearer $1"} --header 'Prefer: wait=60' \
        ${4:+--header 'Content-Type: application/json' --data "$4"} "http://127.0.0.1:$port$3"
}

systemd_is_well()
{
    local word
    word=$(guest systemctl is-system-running --wait)
    echo "$word"
    guest systemctl --failed --no-legend
    [ "$word" = running ]
}

# Within a hundredth: the kernel counts in pages.
memory_is_the_plans()
{
    local kib
    kib=$(guest awk "'/^MemTotal/ {print \$2}' /proc/meminfo")
    echo "MemTotal $kib KiB"
    [ "$kib" -gt $((524288 * 99 / 100)) ] && [ "$kib" -le 524288 ]
}

processors_are_the_plans()
{
    [ "$(guest nproc)" = 1 ]
}

# tail keeps a line without end in memory: more than the plan has.
hog_is_killed()
{
    # shellcheck disable=SC2016 # the guest's shell expands it
    guest 'head -c 1200m /dev/zero 2>/dev/null | tail -n 1 >/dev/null; echo "${PIPESTATUS[*]}"' | tee "$work/hog"
    [[ $(tail -n 1 "$work/hog") == *137 ]] && guest true
}

disk_is_limited()
{
    local written
    guest 'dd if=/dev/zero of=/root/big bs=1M count=2400; sync; stat -c %s /root/big; rm -f /root/big' \
        >"$work/disk" 2>"$work/disk.errors"
    cat "$work/disk" "$work/disk.errors"
    written=$(tail -n 1 "$work/disk")
    grep -qiE 'quota|space' "$work/disk.errors" && [ "$written" -lt $((2 << 30)) ]
}

# A second tenant with a VPS of its own.
make_other()
{
    local tenant token
    tenant=$(api "$OPERATOR_TOKEN" POST /v1/admin/tenants \
        '{"name":"other","quotas":{"vps":1,"vcpus":1,"memory_bytes":1073741824,"disk_bytes":4294967296,"ipv4":1,"ipv6":1}}' |
        jq -er .id) || return 1
    api "$OPERATOR_TOKEN" POST /v1/admin/users "$(jq -n --arg t "$tenant" \
        '{email: "other@example.org", password: "another long password", tenant_id: $t, role: "owner"}')" || return 1
    token=$(api '' POST /v1/sessions '{"email":"other@example.org","password":"another long password"}' |
        jq -er .access_token) || return 1
    api "$token" POST /v1/vps "$(jq -n --arg p "$PLAN" --arg i "$IMAGE_ID" --arg l "$LOCATION" \
        --arg k "$(cat "$state/ssh/id_ed25519.pub")" \
        '{name: "first", plan_id: $p, image_id: $i, location_id: $l, ssh_keys: [$k]}')" >"$work/other.json" || return 1
    other_token=$token other=$(jq -er .vps.id "$work/other.json")
    other_address=$(jq -er '.vps.addresses[] | select(.family == 4) | .address' "$work/other.json") || return 1
    for _ in $(seq 60); do
        guest_of_other true 2>/dev/null && return 0
        sleep 0.5
    done
    return 1
}

tenants_are_apart()
{
    local mine theirs
    mine=$(api "$USER_TOKEN" GET "/v1/vps/$other")
    theirs=$(api "$other_token" GET "/v1/vps/$VPS")
    [ "$(jq -r .status <<<"$mine")" = 404 ] && [ "$(jq -r .status <<<"$theirs")" = 404 ]
}

# echoes COUNT: how many pings the other VPS has received since it started.
echoes()
{
    guest_of_other cat /proc/net/snmp | awk '/^Icmp:/ && !n++ {split($0, name)}
        /^Icmp:/ {for (i = 1; i <= NF; i++) if (name[i] == "InEchos") value = $i} END {print value}'
}

# ping_other SOURCE: three pings; how many arrived.
ping_other()
{
    local before
    before=$(echoes)
    guest ping -c 3 -i 0.3 -W 1 -I "$1" "$other_address" >/dev/null 2>&1
    echo $(($(echoes) - before))
}

# The true source is the control: without it "nothing arrived" would prove nothing.
forged_source_is_dropped()
{
    local true_source forged_foreign forged_neighbour
    guest "ip address add 192.0.2.77/32 dev lo; ip address add ${VPS_ADDRESS%.*}.200/32 dev lo"
    true_source=$(ping_other "$VPS_ADDRESS")
    forged_foreign=$(ping_other 192.0.2.77)
    forged_neighbour=$(ping_other "${VPS_ADDRESS%.*}.200")
    echo "true $true_source, forged $forged_foreign and $forged_neighbour of 3"
    [ "$true_source" = 3 ] && [ "$forged_foreign" = 0 ] && [ "$forged_neighbour" = 0 ]
}

usage_arrives()
{
    for _ in $(seq 100); do
        api "$USER_TOKEN" GET "/v1/vps/$VPS/usage" >"$work/usage.json"
        if jq -e '.last != null and .cpu_ns > 0' "$work/usage.json" >/dev/null; then
            return 0
        fi
        sleep 1
    done
    cat "$work/usage.json"
    tail -n 20 "$state/log/agent.log" "$state/log/server.log" "$state/log/postgresql.log"
    return 1
}

# Everything that a second run could have made again.
objects()
{
    local path
    for path in vps tenants users plans locations nodes pools images tasks; do
        printf '%s ' "$path"
        api "$OPERATOR_TOKEN" GET "/v1/admin/$path?limit=200" | jq '[.items[] | .id] | sort | join(" ")'
    done
    sha256sum "$state/quickstart.env" "$state/quickstart.made"
}

second_run_makes_nothing()
{
    objects >"$work/objects.before"
    up || return 1
    objects >"$work/objects.after"
    diff "$work/objects.before" "$work/objects.after" && ! grep -E 'done [0-9]' "$work/up.log" | grep -v '^  schema'
}

# An update brings one while the server runs.
newer_panel_is_served()
{
    local tries=300
    cp -r "$root/web/dist" "$work/panel"
    rm -f "$work"/panel/index.html.*
    sed -i 's|</head>|<meta name="newer"></head>|' "$work/panel/index.html"
    quickstart --panel "$work/panel" || return 1
    until inside curl --silent --max-time 2 "http://127.0.0.1:$port/" | grep -q 'name="newer"'; do
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.1
    done
}

down_stops_all()
{
    quickstart --down || return 1
    ! inside curl --silent --max-time 2 "http://127.0.0.1:$port/healthz" || return 1
    # What is left: the two processes that hold the namespaces open.
    [ "$(snapshot_processes | grep -c .)" = 2 ]
}

comes_up_again()
{
    up && guest true && api "$USER_TOKEN" GET "/v1/vps/$VPS" | jq -e '.observed == "running"'
}

# What names our own installation: other tests may have theirs beside it.
traces()
{
    [ ! -e "$state" ] || echo "$state"
    grep -F "$state" /proc/mounts
    losetup --noheadings --output NAME,BACK-FILE | grep -F "$state"
    grep -H "^root:$IDS_BASE:" /etc/subuid /etc/subgid
}

# While other installations come and go, what all of a machine share tells nothing.
compare()
{
    local shared='^$'
    if [ -n "$others" ] || [ -n "$(compgen -G '/var/lib/croft*/quickstart.made')" ]; then
        shared='^(user|group|cgroup|fs/|kernel/)'
    fi
    diff <(grep -vE "$shared" "$work/before") <(grep -vE "$shared" "$work/after")
}

purge_leaves_nothing()
{
    quickstart --purge || return 1
    for _ in $(seq 10); do
        snapshot | sort >"$work/after"
        compare >/dev/null && break
        sleep 1
    done
    compare && ! traces | grep .
}

# Each line of README.md's shell blocks has been run above.
readme_is_true()
{
    # shellcheck disable=SC2016 # not a command: Markdown
    sed -n '/^```sh$/,/^```$/p' "$root/README.md" | sed -e '/^```/d' -e 's/ *#.*//' | sort -u >"$work/readme"
    [ -s "$work/readme" ] && sort -u "$work/commands" | comm -13 - "$work/readme" | tee "$work/untold" &&
        [ ! -s "$work/untold" ]
}

# A port that somebody else has is said before anything is built; what was begun is gone after --purge.
taken_port_is_said()
{
    local taker message
    # nsenter has a child of its own: the number is asked of the one that counts.
    inside python3 -c "import os, socket, time
s = socket.create_server(('127.0.0.1', $port))
print(os.getpid(), file=open('$work/taker', 'w'))
time.sleep(60)" &
    taker=$!
    for _ in $(seq 50); do
        [ ! -s "$work/taker" ] || break
        sleep 0.1
    done
    message=$(quickstart --port-base "$port" 2>&1)
    inside kill "$(cat "$work/taker")"
    wait "$taker"
    echo "$message"
    [[ $message == *"port $port is taken"* ]] && quickstart --purge && [ ! -e "$state" ]
}

# kill -9 in the middle of initdb: what it had started holds the lock; the next run has to end it and go on.
run_is_killed()
{
    local killed
    quickstart --port-base "$port" --image "$image_file" --panel "$root/web/dist" ${small:+"$small"} >/dev/null 2>&1 &
    while [ ! -e "$state/postgresql/data" ] && kill -0 $! 2>/dev/null; do
        sleep 0.1
    done
    read -r killed _ <"$state/run/lock"
    inside kill -KILL "$killed"
    wait $!
    [ -e "$state/postgresql/data" ] && [ ! -e "$state/postgresql/data/croft.ready" ]
}

main()
{
    small=
    [ "$image" != busybox ] || small=--small
    trap finish EXIT INT TERM
    copy_source
    make_machine
    make_panel >"$work/panel.log" 2>&1 || { cat "$work/panel.log" && echo "not ok - panel built" && failed=1 && finish; }
    make_image || { echo "not ok - image built" && failed=1 && finish; }
    others=$(compgen -G '/var/lib/croft*/quickstart.made')
    snapshot | sort >"$work/before"
    check "a taken port is said at once" taken_port_is_said
    check "a run is killed half-way" run_is_killed
    check "quickstart ends well all the same" up
    [ "$failed" -eq 0 ] || finish
    check "quickstart started lxcfs" grep -qx 'lxcfs /var/lib/lxcfs' "$state/quickstart.made"
    check "the printed ssh line works" guest true
    if [ "$image" != busybox ]; then
        check "systemd says running" systemd_is_well
        check "a process beyond the plan's memory is killed inside" hog_is_killed
    fi
    check "one signs in to the panel, makes a VPS, sees it start, and uses its console" panel_is_toured
    check "the operator's sign-in works, and the customer may make snapshots and images" all_can_be_tried
    check "memory is the plan's" memory_is_the_plans
    check "processors are the plan's" processors_are_the_plans
    check "a write past the disk limit fails" disk_is_limited
    check "another tenant gets a VPS of its own" make_other
    check "neither tenant sees the other's VPS" tenants_are_apart
    check "a forged source does not reach it" forged_source_is_dropped
    check "usage arrives" usage_arrives
    check "a second run makes nothing twice" second_run_makes_nothing
    check "a newer panel is served at once" newer_panel_is_served
    check "--down stops all" down_stops_all
    check "up again, the VPS runs" comes_up_again
    check "--purge leaves all as it was" purge_leaves_nothing
    check "the README's commands were run here" readme_is_true
}

main
