# shellcheck shell=bash
# Debian with systemd, for unprivileged containers. Sourced by build.

image_files=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# systemd's units that cannot work without the host's privileges, and would leave the guest "degraded".
MASKED_UNITS=(
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount
    systemd-udev-trigger.service systemd-udevd.service systemd-udevd-control.socket
    systemd-udevd-kernel.socket systemd-modules-load.service systemd-journald-audit.socket
    systemd-networkd-wait-online.service console-getty.service getty@.service getty-static.service
)

PACKAGES=systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,iproute2,iputils-ping,ca-certificates,procps,less
# What croft-agent check measures with, in the guest and, from the same files, on the host.
# shellcheck disable=SC2034 # build uses it
CHECK_PACKAGES=sysbench,fio,iperf3,wrk,busybox-static,cron,attr,python3-minimal

# The package archives of this host (their addresses are not ours to write down), for another release
# where that is asked for: prints sources.list lines.
debian_sources()
{
    # shellcheck disable=SC2016 # these are apt's variables
    apt-get indextargets --format '$(ORIGIN)|$(CREATED_BY)|$(REPO_URI)|$(RELEASE)' |
        awk -F'|' -v suite="$1" '$1 == "Debian" && $2 == "Packages" {
            release = $4
            if (sub(/^(bookworm|trixie|stable|oldstable|forky|testing)/, suite, release) && !seen[$3 release]++) {
                print "deb " $3 " " release " main"
            }
        }'
}

# debian_customise ROOT: makes the tree an image and not a machine. Everything below writes and deletes
# under $root as host root, so a root that is empty or the host's own must never get this far.
debian_customise()
{
    local root=${1:?} unit
    if [ ! -x "$root/usr/bin/dpkg" ] || [ "$root" -ef / ]; then
        echo "build: $root is no new tree" >&2
        return 1
    fi
    cp -r --no-preserve=ownership "$image_files/debian/." "$root/"
    for unit in "${MASKED_UNITS[@]}"; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -sf ../croft-ssh-keys.service "$root/etc/systemd/system/multi-user.target.wants/"
    echo 'LANG=C.UTF-8' >"$root/etc/default/locale"
    sed -i 's/^root:[^:]*:[^:]*:/root:*:20000:/' "$root/etc/shadow"
    debian_forget "$root"
}

# What belongs to one machine, or differs from build to build.
debian_forget()
{
    local root=${1:?}
    rm -f "$root"/etc/ssh/ssh_host_* "$root"/etc/{hostname,resolv.conf} "$root/var/lib/dbus/machine-id"
    # Empty, not "uninitialized": systemd makes an id and commits it, and runs no first-boot presets.
    : >"$root/etc/machine-id"
    rm -f "$root"/etc/{passwd-,group-,shadow-,gshadow-,subuid-,subgid-}
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb \
        "$root/var/cache/ldconfig/aux-cache" "$root"/var/log/{apt,dpkg.log,alternatives.log,bootstrap.log}
}

# build_debian SUITE ROOT [PACKAGES]: with more packages beside those that a guest needs.
build_debian()
{
    local suite=$1 root=$2 more=${3:+,$3} sources
    sources=$(debian_sources "$suite")
    if [ -z "$sources" ]; then
        echo "build: this host's apt knows no Debian archive (apt-get update?)" >&2
        return 1
    fi
    # No hooks: they run as host root with a shell's word splitting between them and the tree.
    printf '%s\n' "$sources" | mmdebstrap --quiet --variant=minbase --mode=root --format=directory \
        --include="$PACKAGES$more" --skip=output/dev,output/mknod \
        --aptopt='Apt::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' --dpkgopt='path-exclude=/usr/share/locale/*' \
        "$suite" "$root" -
    debian_customise "$root"
}

# cloud-init takes the seed that the node writes, looks for no other, and leaves addresses alone: they are there before init.
debian_cloud()
{
    local root=${1:?}
    printf '%s\n' 'datasource_list: [NoCloud, None]' 'network: {config: disabled}' 'disable_root: false' 'ssh_deletekeys: false' \
        >"$root/etc/cloud/cloud.cfg.d/50-croft.cfg"
    rm -rf "$root"/var/lib/cloud/*
}
