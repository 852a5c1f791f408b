# shellcheck shell=bash
# shellcheck disable=SC2154 # image_files is set by debian.sh, sourced before
# A system that starts in milliseconds, for tests: busybox, a web server, an SSH server. Sourced by build.

# copy_program ROOT FILE: the program and the libraries it is linked with.
copy_program()
{
    local root=$1 file=$2 library
    install -D -m 0755 "$file" "$root$file"
    ldd "$file" | grep -o '/[^ ]*' | while read -r library; do
        install -D -m 0755 "$library" "$root$library"
    done
}

build_busybox()
{
    local root=$1 busybox applet
    busybox=$(command -v busybox)
    mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,etc/dropbear,root,proc,sys,dev,run,tmp,var/log,var/www}
    chmod 0700 "$root/root"
    chmod 1777 "$root/tmp"
    install -m 0755 "$busybox" "$root/bin/busybox"
    for applet in $("$busybox" --list); do
        case $applet in busybox | init | linuxrc) ;; *) ln -s busybox "$root/bin/$applet" ;; esac
    done
    copy_program "$root" /usr/sbin/dropbear
    copy_program "$root" /usr/bin/dropbearkey
    cp -r --no-preserve=ownership "$image_files/busybox/." "$root/"
    chmod 0755 "$root/sbin/init"
    chmod 0640 "$root/etc/shadow"
    echo croft >"$root/var/www/index.html"
}
