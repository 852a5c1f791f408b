# shellcheck shell=bash
# shellcheck disable=SC2154 # here, root, work, suite and kind are set by run
# The machine: an image kept from run to run, a disk that lives as long as the run, qemu, and the way in.

machine_pid=

# By what goes into it; older ones of this kind are removed.
image_there()
{
    local cache=${CROFT_BUILD:-$root/.build-test}/vm hash
    hash=$(cat "$here/image" "$root/deploy/lib/host.sh" | sha256sum | cut -c1-12)
    image=$cache/$suite-$kind-$hash
    if [ ! -d "$image" ]; then
        mkdir -p "$cache"
        rm -rf "$cache/$suite-$kind-"*
        nice "$here/image" "$suite" "$kind" "$image"
    fi
}

# Without hardware help two processors take as long as ten: everything below waits for minutes.
# A fifth level of page tables and what protects real processors from each other's guesses only cost time here.
machine_boot()
{
    machine_port=$(python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    qemu-img create -q -f qcow2 -b "$image/disk.raw" -F raw "$work/disk.qcow2" || return 1
    nice -n "${CROFT_VM_NICE:-10}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max,la57=off -smp 2 -m 3584 -nographic -nodefaults \
        -serial "file:$work/console.log" -kernel "$image/vmlinuz" -initrd "$image/initrd" \
        -append "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off quiet" \
        -drive "file=$work/disk.qcow2,if=virtio,cache=unsafe" -device virtio-rng-pci \
        -netdev "user,id=n,hostfwd=tcp:127.0.0.1:$machine_port-:22" -device virtio-net-pci,netdev=n \
        </dev/null >"$work/qemu.log" 2>&1 &
    machine_pid=$!
    wait_inside 600 true || { cat "$work/qemu.log" "$work/console.log"; return 1; }
    inside systemctl is-system-running --wait
}

machine_end()
{
    [ -z "$machine_pid" ] || kill -KILL "$machine_pid" 2>/dev/null
    wait
}

# inside COMMAND...: as root, through a shell of the machine.
inside()
{
    ssh -i "$image/key" -p "$machine_port" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o LogLevel=ERROR -o ConnectTimeout=20 -o ServerAliveInterval=30 root@127.0.0.1 "$@"
}

# wait_inside SECONDS COMMAND...
wait_inside()
{
    local end=$((SECONDS + $1))
    shift
    until inside "$@" </dev/null 2>/dev/null; do
        [ "$SECONDS" -lt "$end" ] && kill -0 "$machine_pid" || return 1
        sleep 2
    done
}

host_is_stock()
{
    inside 'uname -r; stat -fc %T /sys/fs/cgroup; cat /sys/module/apparmor/parameters/enabled' | tee "$work/stock"
    grep -qx cgroup2fs "$work/stock" && grep -qx Y "$work/stock"
}

# What git has, as it stands in the working tree.
copy_clone()
{
    (cd "$root" && git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -c) |
        inside 'mkdir -p croft && tar -x -C croft'
    # The host's way to its package archive, where it needs one.
    {
        echo 'Acquire::Languages "none";'
        apt-config dump | grep -iE '^Acquire::(http|https)::Proxy|^Acquire::Check-Valid-Until'
    } | inside 'cat >/etc/apt/apt.conf.d/90host'
}

# Built here, for the same folder; as new as the sources are.
copy_programs()
{
    local build=$work/build
    meson setup "$build" "$root" --buildtype=release --prefix=/var/lib/croft/program -Dwerror=false &&
        DESTDIR=$work/program meson install -C "$build" --quiet &&
        tar -C "$work/program" -c . | inside 'tar -x -C / && mkdir -p /var/lib/croft/run &&
            echo "state /var/lib/croft" >/var/lib/croft/quickstart.made && sleep 1 && touch /var/lib/croft/run/built'
}
