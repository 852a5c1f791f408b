# shellcheck shell=bash
# shellcheck disable=SC2154 # variables shared by the parts that quickstart sources
# What the machine must have: packages, our programs, accounts, an id range, lxcfs.

PACKAGES_BUILD=(gcc meson ninja-build pkg-config python3 libevent-dev libjansson-dev libyaml-dev libssl-dev
    libsodium-dev libwslay-dev libpq-dev libjwt-dev libcrypt-dev liboath-dev libcurl4-openssl-dev libpango1.0-dev fonts-dejavu-core lxc-dev libbtrfsutil-dev libarchive-dev libnftables-dev
    libnl-3-dev libnl-route-3-dev)
PACKAGES_RUN=(postgresql lxc lxcfs btrfs-progs nftables iproute2 mmdebstrap zstd jq curl openssh-client
    busybox-static dropbear-bin ca-certificates)
if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then
    PACKAGES_RUN+=(apparmor)
fi

packages_done()
{
    [ -z "$(panel_packages)" ] && dpkg-query -W -f '${db:Status-Status}\n' "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" 2>&1 |
        { ! grep -qv '^installed$'; }
}

# preset FILE LINE: a package's configuration before the package, unless there is one.
preset()
{
    [ -e "$1" ] || {
        install -d "$(dirname "$1")"
        printf '%s\n' "$2" >"$1"
    }
}

packages_do()
{
    export DEBIAN_FRONTEND=noninteractive
    # A host that has just been installed is often updating itself: wait for the lock.
    apt-get -o DPkg::Lock::Timeout=600 update
    # Two packages would start what nobody asked for: a cluster, and a bridge with its own firewall.
    preset /etc/postgresql-common/createcluster.conf 'create_main_cluster = false'
    preset /etc/default/lxc-net 'USE_LXC_BRIDGE="false"'
    # shellcheck disable=SC2046 # words
    apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold \
        "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" $(panel_packages)
}

# Asked of a new installation alone; one that exists has its room, and its ports have their owner.
room_done()
{
    [ -f "$state/run/pki.ready" ]
}

room_do()
{
    local port free
    for port in "$API_PORT" "$AGENTS_PORT"; do
        port_free "$port"
    done
    free=$(room_free_mib)
    [ "$free" -ge "$ROOM_MIB" ] || die "$state has $free MiB of room, and $ROOM_MIB MiB are needed (--state DIR?)"
}

# For programs, database and image; the rest is for guests.
ROOM_MIB=4096

room_free_mib()
{
    df --output=avail --block-size=1M "$state" | tail -n 1 | tr -d ' '
}

# port_free PORT: or says who has it.
port_free()
{
    local holder
    holder=$(ss -Hltnp "sport = :$1" | awk '$4 ~ /^(127\.0\.0\.1|0\.0\.0\.0|\*|\[::\]):/ { print $4, $6; exit }')
    [ -z "$holder" ] || die "port $1 is taken ($holder); free it, or choose others with --port-base N"
}

# Newer than every source: nothing to build.
build_done()
{
    [ -x "$state/program/sbin/croft-agent" ] && [ -f "$state/run/built" ] &&
        [ -z "$(find "$source_dir"/{meson.build,common,server,agent,migrations} -newer "$state/run/built" \
            -type f -print -quit)" ]
}

build_do()
{
    local begun
    begun=$(mktemp "$state/run/built.XXXXXX")
    if [ ! -f "$state/build/build.ninja" ]; then
        rm -rf "$state/build"
        # A compiler newer than ours may warn of more: that is no reason not to run.
        meson setup "$state/build" "$source_dir" --buildtype=release --prefix="$state/program" -Dwerror=false
    fi
    meson install -C "$state/build" --quiet
    mv "$begun" "$state/run/built"
}

users_done()
{
    id croft >/dev/null && id croft-agent >/dev/null
}

users_do()
{
    local name
    for name in croft croft-agent; do
        if ! id "$name" >/dev/null 2>&1; then
            made user "$name"
            useradd --system --user-group --no-create-home --home-dir /nonexistent \
                --shell /usr/sbin/nologin "$name"
        fi
    done
}

# The first free 65,536-aligned range behind all that are taken, so that two installations are apart.
ids_free()
{
    cat /etc/subuid /etc/subgid 2>/dev/null | awk -F: '
        BEGIN { free = 1000000 }
        $2 + $3 > free { free = $2 + $3 }
        END { print free }'
}

ids_done()
{
    [ -n "${IDS_BASE-}" ] && grep -qxF "root:$IDS_BASE:$IDS_SIZE" /etc/subuid &&
        grep -qxF "root:$IDS_BASE:$IDS_SIZE" /etc/subgid
}

ids_do()
{
    local last=$((IDS_BASE + IDS_SIZE - 1))
    [ "$last" -lt 4294901760 ] || die "no $IDS_SIZE ids are free in /etc/subuid"
    made ids "$IDS_BASE-$last"
    usermod --add-subuids "$IDS_BASE-$last" --add-subgids "$IDS_BASE-$last" root
}

lxcfs_done()
{
    [ -e /var/lib/lxcfs/proc/meminfo ]
}

# One lxcfs serves every container of the host, also those of others: it is only ever added.
lxcfs_do()
{
    if with_systemd && systemctl cat lxcfs.service >/dev/null 2>&1; then
        made lxcfs-unit lxcfs.service
        systemctl start lxcfs.service
    else
        [ -d /var/lib/lxcfs ] || made folder /var/lib/lxcfs
        install -d /var/lib/lxcfs
        made lxcfs /var/lib/lxcfs
        daemon_start lxcfs root /usr/bin/lxcfs --enable-loadavg --pidfile="$state/run/lxcfs.pid" /var/lib/lxcfs
    fi
    wait_for 10 lxcfs_done
}
