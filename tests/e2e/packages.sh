#!/bin/bash
# deploy/packages/build: what is in the packages, and what installing, removing and purging them does to a system: to a copy of this
# one, which is written to memory alone and has neither a network nor systemd. tests/vm has the whole of it.
# usage: packages.sh
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$(dirname "$here")")
build=${CROFT_BUILD:-$root/.build-test}
work=$(mktemp -d "/tmp/croft-test-packages.${CROFT_RUN:-}XXXXXX")
passed=0 failed=0 skipped=0

# check NAME COMMAND...: status 77 is skipped, for the reason that it printed last.
check()
{
    local name=$1 status=0
    shift
    "$@" >"$work/output" 2>&1 || status=$?
    case $status in
    0) passed=$((passed + 1)) && echo "ok - $name" ;;
    77) skipped=$((skipped + 1)) && echo "ok - $name # SKIP $(tail -n 1 "$work/output")" ;;
    *)
        failed=$((failed + 1))
        echo "not ok - $name"
        tail -n 30 "$work/output" | sed 's/^/  # /'
        ;;
    esac
}

finish()
{
    trap - EXIT INT TERM
    rm -rf --one-file-system "${work:?}"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
    exit
}

build_packages()
{
    "$root/deploy/packages/build" --panel "$work/panel" --build "$build/packages" "$1"
}

built()
{
    mkdir -p "$work/panel/assets"
    echo '<!doctype html>' >"$work/panel/index.html"
    echo 'x' >"$work/panel/assets/a.js"
    build_packages "$work/one" && server=$(ls "$work"/one/croft-server_*.deb) && agent=$(ls "$work"/one/croft-agent_*.deb)
}

built_again_is_the_same()
{
    build_packages "$work/two" && for file in "$work"/one/*.deb; do
        cmp "$file" "$work/two/${file##*/}" || return 1
    done
}

# contents DEB: mode, owner and path of each file.
contents()
{
    dpkg-deb --contents "$1" | awk '{print $1, $2, $6}'
}

# has DEB LINE...
has()
{
    local deb=$1 line
    shift
    contents "$deb" >"$work/contents"
    for line; do
        grep -qxF -- "$line" "$work/contents" || { echo "not in ${deb##*/}: $line"; cat "$work/contents"; return 1; }
    done
}

contents_right()
{
    has "$server" '-rwxr-xr-x root/root ./usr/sbin/croft-server' '-rwxr-xr-x root/root ./usr/sbin/croft-setup-database' \
        '-rw-r--r-- root/root ./usr/lib/systemd/system/croft-server.service' '-rw-r--r-- root/root ./etc/croft/server.yaml' \
        '-rw-r--r-- root/root ./usr/share/croft/panel/assets/a.js' '-rw-r--r-- root/root ./usr/share/croft/migrations/0001-roles-and-context.sql' \
        'drwx--x--x root/root ./var/lib/croft/' '-rw-r--r-- root/root ./usr/share/doc/croft-server/copyright' &&
        has "$agent" '-rwxr-xr-x root/root ./usr/sbin/croft-agent' '-rwxr-xr-x root/root ./usr/sbin/croft-agent-worker' \
            '-rwxr-xr-x root/root ./usr/sbin/croft-agent-last' '-rwxr-xr-x root/root ./usr/sbin/croft-agent-check' '-rw-r--r-- root/root ./usr/lib/systemd/system/croft-agent.service' \
            '-rw-r--r-- root/root ./usr/share/croft/agent.yaml' 'drwx--x--x root/root ./var/lib/croft/'
}

# No file of both, none that others may write, none with the rights of its owner.
nothing_odd()
{
    { contents "$server"; contents "$agent"; } | grep -v '^d' >"$work/files"
    ! awk '{print $3}' "$work/files" | sort | uniq -d | grep . && ! grep -E '^.(.......w|..s|.....s)' "$work/files" && ! grep -v ' root/root ' "$work/files"
}

depends_right()
{
    local name
    for name in libpq5 libssl3 libevent-2.1-7 libjwt adduser; do
        dpkg-deb --field "$server" Depends | grep -q "\\b$name" || { echo "server: $name"; return 1; }
    done
    for name in liblxc1 liblxc-common lxcfs btrfs-progs libnftables1; do
        dpkg-deb --field "$agent" Depends | grep -q "\\b$name" || { echo "agent: $name"; return 1; }
    done
    ! dpkg-deb --field "$server" Depends | grep -E 'asan|-dev|@' && [ "$(dpkg-deb --ctrl-tarfile "$server" | tar -xO ./conffiles)" = /etc/croft/server.yaml ]
}

units_right()
{
    local deb name
    for deb in "$server" "$agent"; do
        name=$(dpkg-deb --field "$deb" Package)
        dpkg-deb --fsys-tarfile "$deb" | tar -xO "./usr/lib/systemd/system/$name.service" >"$work/unit"
        grep -qx "ExecStart=/usr/sbin/$name run --config /etc/croft/${name#croft-}.yaml" "$work/unit" && ! grep '@' "$work/unit" || return 1
    done
    dpkg-deb --fsys-tarfile "$server" | tar -xO ./usr/sbin/croft-server >"$work/croft-server"
    dpkg-deb --fsys-tarfile "$server" | tar -xO ./etc/croft/server.yaml >"$work/server.yaml"
    chmod +x "$work/croft-server"
    "$work/croft-server" check-config --config "$work/server.yaml"
}

lintian_clean()
{
    command -v lintian >/dev/null || { echo "lintian is not installed"; return 77; }
    lintian --allow-root --fail-on error --suppress-tags no-manual-page "$server" "$agent"
}

# in_copy COMMAND...: in a copy of this system.
in_copy()
{
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount --net --pid --ipc --fork bash -c '
        copy=$1 && shift
        mount -t tmpfs -o size=512m tmpfs "$copy" && mkdir "$copy/upper" "$copy/work" "$copy/root" &&
            mount -t overlay -o "lowerdir=/,upperdir=$copy/upper,workdir=$copy/work" overlay "$copy/root" &&
            mount -t proc proc "$copy/root/proc" && mount -t tmpfs tmpfs "$copy/root/run" && mount --rbind /dev "$copy/root/dev" &&
            mount -t tmpfs tmpfs "$copy/root/var/tmp" && cp "$work"/one/*.deb "$copy/root/var/tmp/" &&
            chroot "$copy/root" "$@"' _ "$work/copy" "$@"
}

# Said line by line, so that the one that is wrong is the last.
life()
{
    set -ex
    cd /
    rm -rf /var/lib/croft /etc/croft
    sed -i '/^root:/d' /etc/subuid /etc/subgid
    before=$(cat /etc/subuid)
    dpkg --install /var/tmp/croft-*.deb
    [ "$(stat -c '%a %U:%G' /etc/croft/server.yaml)" = '640 root:croft' ]
    [ "$(stat -c '%a %U:%G' /var/lib/croft/server)" = '700 croft:croft' ]
    [ "$(stat -c '%a %U:%G' /var/lib/croft/agent)" = '711 root:root' ]
    id croft-agent
    base=$(sed -n 's/^  base: //p' /etc/croft/agent.yaml)
    grep -qx "root:$base:65536000" /etc/subuid && grep -qx "root:$base:65536000" /etc/subgid
    croft-agent check-config --config /etc/croft/agent.yaml
    runuser -u croft -- croft-server check-config --config /etc/croft/server.yaml
    echo '# ours' >>/etc/croft/agent.yaml
    echo '# ours' >>/etc/croft/server.yaml
    touch /var/lib/croft/server/kept
    dpkg --install --force-confold /var/tmp/croft-*.deb
    grep -q '^# ours' /etc/croft/agent.yaml
    [ "$(grep -c ^root: /etc/subuid)" = 1 ]
    dpkg --remove croft-agent croft-server
    [ -f /var/lib/croft/server/kept ] && [ -f /etc/croft/agent.yaml ] && [ ! -e /usr/sbin/croft-agent ]
    dpkg --purge croft-agent croft-server
    [ ! -e /var/lib/croft ] && [ ! -e /etc/croft ] && [ ! -e /usr/share/croft ]
    [ "$(cat /etc/subuid)" = "$before" ]
}

installs_and_purges()
{
    mkdir "$work/copy"
    export work
    in_copy bash -c "$(declare -f life); life"
}

beside_quickstart()
{
    rm -rf --one-file-system "$work/copy" && mkdir "$work/copy"
    # shellcheck disable=SC2016 # for the inner shell
    in_copy bash -c 'mkdir -p /var/lib/croft && touch /var/lib/croft/quickstart.made && ! dpkg --install /var/tmp/croft-agent*.deb && [ ! -e /usr/sbin/croft-agent ]'
}

main()
{
    trap finish EXIT INT TERM
    check "packages are built" built
    [ "$failed" -eq 0 ] || exit
    check "built again they are the same" built_again_is_the_same
    check "programs, units, configuration, schema and panel are in them" contents_right
    check "no file twice, none writable by others, none setuid" nothing_odd
    check "what they depend on, conffiles" depends_right
    check "units and configuration are the package's" units_right
    check "lintian finds no error" lintian_clean
    check "installed, upgraded, removed, purged: accounts, ids, owners, what is kept and what goes" installs_and_purges
    check "refused beside an installation of quickstart" beside_quickstart
}

main
