// Fidelity: what must answer as on a plain Debian. A probe is a shell command whose status says so.
#include "check.h"

enum { PROBE_S = 30 };

static const struct probe {
    const char *name, *command;
} probes[] = {
    // The system
    {"init is process 1", "[ \"$(cat /proc/1/comm)\" = systemd ]"},
    {"the system came up without a failed unit",
     "[ \"$(systemctl is-system-running)\" = running ]"},
    {"a unit starts and stops",
     "systemd-run --unit=probe-unit sleep 100 && systemctl is-active probe-unit && "
     "systemctl stop probe-unit"},
    {"a timer fires",
     "rm -f /run/probe-timer; systemd-run --on-active=1 --timer-property=AccuracySec=100ms "
     "touch /run/probe-timer; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do [ -e /run/probe-timer ] && "
     "exit 0; sleep 1; done; exit 1"},
    {"the journal keeps a message",
     "logger -t probe hello-journal; for i in 1 2 3 4 5; do journalctl -q -t probe "
     "--no-pager | grep -q hello-journal && exit 0; sleep 1; done; exit 1"},
    {"cron runs", "systemctl is-active cron && crontab -u root - </dev/null"},
    {"the host name is its own",
     "hostname | grep -q '^check' && hostnamectl --static | grep -q '^check'"},
    {"the host name can be changed",
     "h=$(hostname) && hostname probe-name && [ \"$(hostname)\" = probe-name ] && hostname $h"},
    {"a machine id of its own", "grep -Eq '^[0-9a-f]{32}$' /etc/machine-id"},
    {"the message bus answers", "busctl --system list >/dev/null"},
    {"a login session opens", "loginctl list-users >/dev/null"},
    {"sshd listens", "ss -ltn | grep -q ':22 '"},
    // Packages and people
    {"the package database is whole", "dpkg --audit && [ -z \"$(dpkg --audit)\" ]"},
    {"a package installs and goes",
     "d=$(mktemp -d) && chmod 755 $d && mkdir $d/DEBIAN && printf 'Package: probe\\nVersion: 1\\n"
     "Architecture: all\\nMaintainer: nobody <n@example.org>\\nDescription: probe\\n' "
     ">$d/DEBIAN/control && mkdir -p $d/opt && echo hello >$d/opt/probe && dpkg-deb --build $d "
     "/tmp/probe.deb && dpkg -i /tmp/probe.deb && grep -q hello /opt/probe && dpkg -r probe"},
    {"users are made, used and removed",
     "useradd -m probe && [ \"$(su probe -c 'id -un')\" = probe ] && loginctl terminate-user "
     "probe; userdel -rf probe"},
    {"setuid programs work", "cp /usr/bin/id /tmp/suid-id && chmod 4755 /tmp/suid-id && "
                             "[ \"$(setpriv --reuid=65534 --clear-groups /tmp/suid-id -u)\" = 0 ]"},
    {"file capabilities work",
     "setcap cap_net_raw+ep /tmp/suid-id 2>/dev/null || python3 -c \"import os; "
     "os.setxattr('/tmp/"
     "suid-id','security.capability',bytes.fromhex('0100000200200000000000000000000000000000'))\""},
    {"a daemon drops its privileges",
     "setpriv --reuid=33 --regid=33 --clear-groups id -u | grep -qx 33"},
    {"ids up to 65533 can be used", "touch /tmp/owned && chown 65533:65533 /tmp/owned && [ "
                                    "\"$(stat -c %u /tmp/owned)\" = 65533 ]"},
    // Processes
    {"processes are its own alone", "[ $(ps -e --no-headers | wc -l) -lt 100 ]"},
    {"ptrace works",
     "python3 -c 'import ctypes,os; l=ctypes.CDLL(None,use_errno=True); p=os.fork()\nif p==0:\n"
     " l.ptrace(0,0,0,0); os.kill(os.getpid(),19); os._exit(7)\n"
     "_,s=os.waitpid(p,0); assert os.WIFSTOPPED(s); l.ptrace(7,p,0,0); _,s=os.waitpid(p,0); "
     "assert os.WEXITSTATUS(s)==7'"},
    {"priorities can be lowered", "nice -n 10 true && renice -n 5 $$"},
    {"namespaces nest", "unshare --user --map-root-user --pid --mount --fork true"},
    {"a file system of memory can be mounted",
     "mkdir -p /mnt/probe && mount -t tmpfs none /mnt/probe && umount /mnt/probe"},
    {"bind mounts work", "mkdir -p /mnt/bound && mount --bind /etc /mnt/bound && [ -e "
                         "/mnt/bound/passwd ] && umount /mnt/bound"},
    {"overlays can be mounted",
     "mkdir -p /run/o/l /run/o/u /run/o/w /run/o/m && mount -t tmpfs none /run/o/u && mkdir "
     "/run/o/u/u /run/o/u/w && "
     "mount -t overlay none -o lowerdir=/run/o/l,upperdir=/run/o/u/u,workdir=/run/o/u/w /run/o/m "
     "&& umount /run/o/m /run/o/u"},
    {"shared memory works", "dd if=/dev/zero of=/dev/shm/probe bs=1M count=4 && rm /dev/shm/probe"},
    {"pipes and pseudo terminals", "script -qc 'tty' /dev/null | grep -q /dev/pts/"},
    {"inotify watches", "python3 -c 'import ctypes; l=ctypes.CDLL(None); f=l.inotify_init(); "
                        "assert f>=0 and l.inotify_add_watch(f,b\"/tmp\",2)>0'"},
    {"random numbers at once",
     "head -c 65536 /dev/urandom >/dev/null && head -c 64 /dev/random >/dev/null"},
    {"the clock runs", "[ $(date +%s) -gt 1700000000 ]"},
    // What it is told of its size
    {"it counts the processors of its plan",
     "[ $(nproc) = 1 ] && [ $(getconf _NPROCESSORS_ONLN) = 1 ]"},
    {"it sees the memory of its plan",
     "t=$(free -m | awk '/^Mem:/{print $2}'); [ $t -ge 500 ] && [ $t -le 512 ]"},
    {"it sees its own uptime", "[ $(cut -d. -f1 /proc/uptime) -lt 3600 ]"},
    {"it sees the disk of its plan",
     "t=$(df -m --output=size / | tail -1); [ $t -ge 900 ] && [ $t -le 1024 ]"},
    {"its load is its own", "[ -r /proc/loadavg ] && [ $(cut -d. -f1 /proc/loadavg) -lt 50 ]"},
    // Files
    {"extended attributes of users",
     "touch /root/x && setfattr -n user.probe -v 1 /root/x && getfattr -n user.probe /root/x"},
    {"access lists and modes",
     "touch /tmp/m && chmod 0640 /tmp/m && [ \"$(stat -c %a /tmp/m)\" = 640 ]"},
    {"hard, symbolic links and locks",
     "cd /tmp && echo 1 >l1 && ln -f l1 l2 && ln -sf l1 l3 && flock l1 cmp l2 l3"},
    {"sparse files and punching holes",
     "truncate -s 1G /root/sparse && [ $(du -m /root/sparse | cut -f1) -lt 2 ] && rm /root/sparse"},
    {"copies that share blocks", "dd if=/dev/zero of=/root/c1 bs=1M count=4 && cp --reflink=always "
                                 "/root/c1 /root/c2 && rm /root/c1 /root/c2"},
    {"data reaches the disk", "dd if=/dev/zero of=/root/s bs=4k count=64 conv=fsync && rm /root/s"},
    {"named pipes and device nodes",
     "cd /tmp && rm -f f && mkfifo f && [ -c /dev/null ] && echo x >/dev/null"},
    // Network
    {"IPv4 to the world", "ping -4 -c 1 -W 5 " SITE_WORLD_ADDRESS},
    {"IPv4 to the gateway", "ping -4 -c 1 -W 5 169.254.0.1"},
    {"IPv6 to the world", "ping -6 -c 1 -W 5 " SITE_WORLD_ADDRESS6},
    {"an address of each family",
     "ip -4 addr show eth0 | grep -q 203.0.113 && ip -6 addr show eth0 | grep -q 2001:db8"},
    {"sockets of each kind", "python3 -c 'import socket as s; [s.socket(f,t).close() for f in "
                             "(s.AF_INET,s.AF_INET6,s.AF_UNIX) "
                             "for t in (s.SOCK_STREAM,s.SOCK_DGRAM)]; "
                             "s.socket(s.AF_INET,s.SOCK_RAW,1).close(); s.socket(16,3,0).close()'"},
    {"low ports can be bound",
     "python3 -c 'import socket as s; x=s.socket(s.AF_INET6); x.bind((\"::\",81)); x.listen()'"},
    {"network settings of its own",
     "sysctl -qw net.ipv4.ip_forward=1 && sysctl -qw net.ipv4.ip_forward=0"},
    {"devices of its own", "ip link add probe0 type veth peer name probe1 && ip link set probe0 up "
                           "&& ip link del probe0"},
};

// It goes down and says why; whoever keeps guests, here we, starts it again (docs/decisions/0041).
static int reboot_probe(struct check *check, json_t *found, struct err *err)
{
    struct run_result run;
    const char *mark = "rm -f /run/probe-boot; touch /run/probe-boot; systemctl reboot";
    static const char up[] = "[ ! -e /run/probe-boot ] || { echo it goes on; exit 1; }; "
                             "systemctl is-system-running && exit; echo failed: $(systemctl "
                             "--failed --plain --no-legend | cut -d' ' -f1); exit 1";
    int r = subject_run(&check->site, &check->subject, mark, PROBE_S, &run, err);
    bool asked = false;
    snprintf(run.text, sizeof(run.text), "it did not go down as one that reboots");
    for (int tries = 0; tries < 120 && r == 0 && !asked; tries++) {
        usleep(500000);
        r = subject_reboots(&check->site, &check->subject, &asked, err);
    }
    bool ok = false;
    if (r == 0 && asked) {
        r = subject_restart(&check->site, &check->subject, err);
        r = r < 0 ? r : subject_run(&check->site, &check->subject, up, PROBE_S, &run, err);
        ok = r == 0 && run.status == 0;
    }
    if (r == 0) {
        json_array_append_new(found,
                              json_pack("{s:s, s:b, s:o}", "name", "reboot from inside", "passed",
                                        ok, "said", check_text(ok ? "" : run.text)));
    }
    // Whatever came of it, what follows is measured in a guest that came up by an order.
    return r < 0 || ok ? r : subject_restart(&check->site, &check->subject, err);
}

int check_fidelity(struct check *check, struct err *err)
{
    json_t *found = json_array();
    json_object_set_new(check->report, "fidelity", found);
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        struct run_result run;
        int r = subject_run(&check->site, &check->subject, probes[i].command, PROBE_S, &run, err);
        if (r < 0) {
            return r;
        }
        json_array_append_new(found, json_pack("{s:s, s:b, s:o}", "name", probes[i].name, "passed",
                                               run.status == 0, "said",
                                               check_text(run.status == 0 ? "" : run.text)));
    }
    return reboot_probe(check, found, err);
}
