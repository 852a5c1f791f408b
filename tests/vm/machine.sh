# shellcheck shell=bash
# shellcheck disable=SC2154 # here, root, work, cache and suite are set by run
# The machine: an image kept from run to run, a disk that lives as long as the machine, qemu, and the way in.

# What is on the machine beside what Croft's packages need: their Recommends, and what the checks use.
MACHINE_PACKAGES=(postgresql lxc nftables curl openssh-client)

# needed PACKAGE.deb...: the names in their Depends, and ours.
needed()
{
    local deb
    {
        for deb; do
            dpkg-deb --field "$deb" Depends | tr ',' '\n' | sed -E 's/^ *([^ (|]+).*/\1/'
        done
        printf '%s\n' "${MACHINE_PACKAGES[@]}"
    } | grep -v "^$" | LC_ALL=C sort -u
}

# By what goes into it; older ones are removed.
image_there()
{
    local hash names
    mapfile -t names < <(needed "$work"/packages/*.deb)
    hash=$({ cat "$here/image"; printf '%s\n' "${names[@]}"; } | sha256sum | cut -c1-12)
    image=$cache/$suite-$hash
    remember image "$image"
    if [ ! -d "$image" ]; then
        rm -rf --one-file-system "$cache/$suite-"*
        nice "$here/image" "$suite" "$image" "${names[@]}"
    fi
}

free_port()
{
    python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Without hardware help two processors take as long as ten: everything below waits for minutes.
# A fifth level of page tables and what protects real processors from each other's guesses only cost time here.
machine_boot()
{
    remember machine_port "$(free_port)"
    remember api_port "$(free_port)"
    qemu-img create -q -f qcow2 -b "$image/disk.raw" -F raw "$work/disk.qcow2" || return 1
    setsid nice -n "${CROFT_VM_NICE:-5}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max,la57=off -smp 2 -m 3072 -nographic -nodefaults \
        -serial "file:$work/console.log" -kernel "$image/vmlinuz" -initrd "$image/initrd" \
        -append "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off quiet systemd.default_timeout_start_sec=900" \
        -drive "file=$work/disk.qcow2,if=virtio,cache=unsafe" -device virtio-rng-pci \
        -netdev "user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:$machine_port-:22,hostfwd=tcp:127.0.0.1:$api_port-:8080" \
        -device virtio-net-pci,netdev=n </dev/null >"$work/qemu.log" 2>&1 &
    remember machine_pid $!
    wait_inside 900 true || { cat "$work/qemu.log" "$work/console.log"; return 1; }
    inside systemctl is-system-running --wait
}

machine_runs()
{
    [ -n "${machine_pid-}" ] && kill -0 "$machine_pid" 2>/dev/null
}

machine_end()
{
    [ -S "$work/ssh" ] && ssh -O exit -o ControlPath="$work/ssh" root@127.0.0.1 2>/dev/null
    ! machine_runs || kill -KILL "$machine_pid"
    wait
}

# inside COMMAND...: as root, through a shell of the machine. One connection for all, since each costs an emulated handshake.
inside()
{
    ssh -i "$image/key" -p "$machine_port" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o LogLevel=ERROR -o ConnectTimeout=30 -o ServerAliveInterval=30 -o ServerAliveCountMax=10 \
        -o ControlMaster=auto -o ControlPath="$work/ssh" -o ControlPersist=600 root@127.0.0.1 "$@"
}

# wait_inside SECONDS COMMAND...
wait_inside()
{
    local end=$((SECONDS + $1))
    shift
    until inside "$@" </dev/null 2>/dev/null; do
        [ "$SECONDS" -lt "$end" ] && machine_runs || return 1
        sleep 2
    done
}

# copy FILE... FOLDER
copy()
{
    local folder=${!#}
    tar --transform='s|.*/||' --absolute-names -c "${@:1:$#-1}" | inside "mkdir -p $folder && tar -x --no-same-owner -C $folder"
}
