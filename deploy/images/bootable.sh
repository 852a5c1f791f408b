# shellcheck shell=bash
# shellcheck disable=SC2154 # MASKED_UNITS is set by debian.sh
# Makes the root file system of an OCI image start as a guest, where it has an init. Sourced by import.
#
# The tree is somebody else's: a path in it is resolved here, link by link and never out of it, before it is
# read or written. Nothing of it runs meanwhile, so that what was resolved stays so.

# within ROOT PATH: the path below ROOT that PATH means inside of it, without a link in it; the last part need not be there.
within()
{
    local root=${1:?} left=$2 at='' part target hops=0
    while [ -n "$left" ]; do
        left=${left#/}
        part=${left%%/*}
        case $left in */*) left=${left#*/} ;; *) left='' ;; esac
        case $part in
        '' | .) continue ;;
        ..) at=${at%/*} ;;
        *)
            if [ -L "$root$at/$part" ]; then
                hops=$((hops + 1))
                [ "$hops" -le 40 ] || return 1
                target=$(readlink "$root$at/$part")
                case $target in /*) at='' ;; esac
                left=$target${left:+/$left}
            else
                at=$at/$part
            fi
            ;;
        esac
    done
    printf '%s%s\n' "$root" "$at"
}

is_program()
{
    local path
    path=$(within "$1" "$2") && [ -f "$path" ] && [ -x "$path" ]
}

# put ROOT PATH: standard input becomes that file, if its folder is there.
put()
{
    local folder file
    folder=$(within "$1" "$(dirname "$2")") && [ -d "$folder" ] || return 0
    file=$folder/$(basename "$2")
    rm -rf "$file"
    cat >"$file"
}

# forget ROOT PATTERN…: of files in folders that are what they seem.
forget()
{
    local root=$1 pattern folder
    shift
    for pattern in "$@"; do
        folder=$(within "$root" "$(dirname "$pattern")") || continue
        [ ! -d "$folder" ] || find "$folder" -mindepth 1 -maxdepth 1 -name "$(basename "$pattern")" -exec rm -rf {} +
    done
}

# systemd, openrc, busybox, other; nothing where there is no init.
init_of()
{
    local root=$1 init
    is_program "$root" sbin/init || return 0
    init=$(within "$root" sbin/init)
    case $(basename "$init") in
    systemd) echo systemd ;;
    openrc-init) echo openrc ;;
    busybox*) if is_program "$root" sbin/openrc; then echo openrc; else echo busybox; fi ;;
    *) if is_program "$root" sbin/openrc; then echo openrc; else echo other; fi ;;
    esac
}

boot_systemd()
{
    local root=$1 unit
    for unit in "${MASKED_UNITS[@]}" console-getty.service; do
        forget "$root" "etc/systemd/system/$unit"
        ln -s /dev/null "$(within "$root" etc/systemd/system)/$unit" 2>/dev/null || true
    done
    # Empty, not missing: an id is made, and no first-boot presets are run.
    put "$root" etc/machine-id </dev/null
}

# Lines of inittab that start a getty, or a program that the image has not.
boot_inittab()
{
    local root=$1 file line program kept=''
    file=$(within "$root" etc/inittab) && [ -f "$file" ] || return 0
    while IFS= read -r line || [ -n "$line" ]; do
        program=${line##*:}
        program=${program#[-@]}
        program=${program%% *}
        case $line in
        '' | '#'*) ;;
        *getty*) continue ;;
        *) case $program in /*) is_program "$root" "$program" || continue ;; esac ;;
        esac
        kept+=$line$'\n'
    done <"$file"
    printf '%s' "$kept" | put "$root" etc/inittab
}

# Addresses and routes are there before init: nothing is to be waited for.
boot_openrc()
{
    local root=$1 file
    boot_inittab "$root"
    file=$(within "$root" etc/rc.conf) || return 0
    { [ ! -f "$file" ] || cat "$file"; printf 'rc_sys="lxc"\nrc_provide="loopback net"\n'; } | put "$root" etc/rc.conf.croft
    [ ! -f "$(within "$root" etc/rc.conf.croft)" ] || mv "$(within "$root" etc/rc.conf.croft)" "$file"
}

boot_busybox()
{
    boot_inittab "$1"
    # Without a table busybox asks on consoles that a guest has not.
    [ -f "$(within "$1" etc/inittab)" ] ||
        printf '::sysinit:/bin/busybox mount -a\n::ctrlaltdel:/sbin/reboot\n::shutdown:/bin/busybox umount -a -r\n' | put "$1" etc/inittab
}

make_bootable()
{
    local root=${1:?} kind
    kind=$(init_of "$root")
    case $kind in
    systemd | openrc | busybox) "boot_$kind" "$root" ;;
    other) ;;
    *)
        echo "import: the image has no init (/sbin/init): it is made to run one program, and Croft starts systems" >&2
        return 1
        ;;
    esac
    echo "import: starts with $kind" >&2
    # What belongs to one machine.
    forget "$root" 'etc/ssh/ssh_host_*' 'etc/dropbear/dropbear_*' var/lib/dbus/machine-id var/lib/systemd/random-seed \
        var/lib/systemd/credential.secret etc/hostname .dockerenv
}
