# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2016,SC2015 # variables of run; what others remember
# From packages to a node that is online, by the commands of docs/operations.md ("Installing from packages").

packages_built()
{
    # The panel has suites of its own; what a package does with one is tests/e2e/packages.sh's.
    "$root/deploy/packages/build" --panel none --build "$build/packages" "$work/packages" &&
        ls -l "$work/packages"
}

host_is_stock()
{
    inside '. /etc/os-release; echo "$PRETTY_NAME"; uname -r; systemctl --version | head -n 1; stat -fc %T /sys/fs/cgroup
        cat /sys/module/apparmor/parameters/enabled; cat /sys/devices/virtual/dmi/id/sys_vendor' | tee "$work/stock"
    grep -qx cgroup2fs "$work/stock" && grep -qx Y "$work/stock"
}

# What packages and agent change beside their own folders.
host_state()
{
    inside 'ls -d /var/lib/croft /etc/croft /usr/share/croft /run/croft-reboots 2>/dev/null
        grep croft /proc/mounts; losetup -nO BACK-FILE; ip -o link | grep crv; ip -o address show dev lo
        nft list tables 2>/dev/null; cat /etc/subuid /etc/subgid; find /etc/systemd /usr/lib/systemd -name "*croft*"
        find /sys/fs/cgroup -name "lxc.payload.*" -o -name "lxc.monitor.*"; pgrep -fa "[c]roft-(server|agent)|[l]xc monitor"
        grep -c lxc-.*croft /sys/kernel/security/apparmor/profiles' </dev/null
}

packages_installed()
{
    copy "$work"/packages/*.deb /root/packages && inside 'dpkg --install /root/packages/*.deb && dpkg --audit
        stat -c "%A %U:%G %n" /etc/croft/* /var/lib/croft /var/lib/croft/* /usr/sbin/croft-*' | tee "$work/installed"
    grep -qx -- '-rw-r----- root:croft /etc/croft/server.yaml' "$work/installed" &&
        grep -qx -- 'drwx------ croft:croft /var/lib/croft/server' "$work/installed" &&
        grep -qx -- 'drwx--x--x root:root /var/lib/croft' "$work/installed"
}

# For this machine alone it would listen on 127.0.0.1; the test comes from outside. One worker with few connections: each
# prepares some hundred statements when it opens, for which an emulated PostgreSQL needs minutes.
server_configured()
{
    inside "sed -i 's/listen: 127.0.0.1:8080/listen: 0.0.0.0:8080/; s|^api:|&\n  public_url: http://127.0.0.1:$api_port|; s/^database:/workers: 1\n&\n  connections: 2/' /etc/croft/server.yaml
        cat /etc/croft/server.yaml; croft-server check-config --config /etc/croft/server.yaml"
}

database_made()
{
    inside 'systemctl is-active postgresql && croft-setup-database && croft-setup-database &&
        for what in init migrate; do runuser -u croft -- croft-server $what --config /etc/croft/server.yaml || exit; done'
}

server_runs()
{
    inside systemctl enable --now croft-server &&
        until_true 120 curl --silent --fail --max-time 10 "http://127.0.0.1:$api_port/readyz"
}

operator_made()
{
    local answer
    answer=$(inside 'head -c 18 /dev/urandom | base64 | runuser -u croft -- croft-server admin operator --email operator@example.org \
        --password-stdin --config /etc/croft/server.yaml') || { echo "$answer"; return 1; }
    remember operator_token "$(jq -er .token <<<"$answer")"
}

# made VARIABLE PATH BODY: as the operator.
made()
{
    local answer
    answer=$(operator POST "$2" "$3") || { echo "$answer"; return 1; }
    remember "$1" "$(jq -er .id <<<"$answer")"
}

catalogue_made()
{
    made location /v1/admin/locations '{"name":"here","title":"This machine"}' &&
        made pool4 /v1/admin/pools "{\"name\":\"v4\",\"cidr\":\"10.83.0.0/24\",\"location_id\":\"$location\"}" &&
        made pool6 /v1/admin/pools "{\"name\":\"v6\",\"cidr\":\"fd83:0:0:83::/64\",\"location_id\":\"$location\"}" || return 1
    local plan='{vcpus: 1, swap_bytes: 0, pids: 128, memory_bytes: 268435456, disk_bytes: 536870912, io_bps: 4194304,
        ipv4_count: 1, ipv6_count: 1, price_month: "5.00", currency: "EUR"}'
    made small /v1/admin/plans "$(jq -n "$plan + {name: \"small\", title: \"Small\"}")" &&
        made larger /v1/admin/plans "$(jq -n "$plan + {name: \"larger\", title: \"Larger\", vcpus: 2, pids: 256,
            memory_bytes: 402653184, disk_bytes: 1073741824}")" &&
        made tenant /v1/admin/tenants '{"name":"first","quotas":{"vps":2,"vcpus":4,"memory_bytes":1073741824,"disk_bytes":4294967296,
            "ipv4":4,"ipv6":4,"snapshots":2}}'
}

customer_made()
{
    local answer
    made customer_id /v1/admin/users "{\"email\":\"owner@example.org\",\"password\":\"a long one of the test\",\"tenant_id\":\"$tenant\",\"role\":\"owner\"}" &&
        answer=$(api none POST /v1/sessions '{"email":"owner@example.org","password":"a long one of the test"}') &&
        answer=$(api "$(jq -er .access_token <<<"$answer")" POST /v1/tokens '{"name":"vm"}') || { echo "$answer"; return 1; }
    remember customer_token "$(jq -er .token <<<"$answer")"
}

node_joined()
{
    operator POST /v1/admin/join-tokens "{\"location_id\":\"$location\",\"expires_in\":3600}" | jq -er .token |
        inside croft-agent join --server 127.0.0.1:8443 --token-file - --config /etc/croft/agent.yaml &&
        inside systemctl enable --now croft-agent && until_true 400 node_is_online || return 1
    node
    remember node_id "$(node | jq -r .id)"
    [ "$(node | jq -c .warnings)" = '[]' ]
}

# busybox for most; a whole Debian where systemd is asked for.
image_offered()
{
    local file=$build/images/busybox.tar.zst body
    [ -f "$file" ] || "$root/deploy/images/build" busybox "$file" || return 1
    inside 'cat >/var/tmp/busybox.tar.zst' <"$file" &&
        body=$(inside 'runuser -u croft -- croft-server image add /var/tmp/busybox.tar.zst --name busybox --os busybox --config /etc/croft/server.yaml
            rm -f /var/tmp/busybox.tar.zst' </dev/null) && made busybox /v1/admin/images "$body"
}

# once NAME COMMAND: not again on a machine that was kept.
once()
{
    local did=did_$2
    [ -z "${!did-}" ] || return 0
    shown "$@" && remember "$did" yes
}

check_install()
{
    [ -f "$work/before" ] || host_state >"$work/before"
    once "packages install without a network, with owners and modes" packages_installed &&
        once "the server's configuration" server_configured &&
        once "PostgreSQL: roles, database, schema, twice the same" database_made &&
        once "croft-server runs as a unit and is ready" server_runs &&
        once "an operator" operator_made &&
        once "location, pools, plans, a tenant with quotas" catalogue_made &&
        once "a user and a token" customer_made &&
        once "the node joins, is online and has nothing to warn of" node_joined &&
        once "an image is offered" image_offered
}
