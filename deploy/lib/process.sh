# shellcheck shell=bash
# shellcheck disable=SC2154 # variables shared by the parts that quickstart sources
# Long-running programs: units where systemd is the first process, else children of nobody with a pid
# file. A pid is only believed together with the process's start time, since pids are used again.

with_systemd()
{
    [ -d /run/systemd/system ]
}

# Several installations may live on one machine: the default one has the plain names.
unit_name()
{
    if [ "$state" = /var/lib/croft ]; then
        echo "croft-$1.service"
    else
        echo "croft-$1-${INSTANCE%%-*}.service"
    fi
}

process_started()
{
    # The command may hold spaces and parentheses; what follows the last ')' is fixed.
    sed -n 's/.*) //p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

daemon_pid()
{
    local pid started
    if with_systemd && [ "$1" != lxcfs ]; then
        pid=$(systemctl show -p MainPID --value "$(unit_name "$1")")
        [ "${pid:-0}" != 0 ] && echo "$pid"
        return
    fi
    [ -f "$state/run/$1.process" ] || return 1
    read -r pid started <"$state/run/$1.process"
    [ -n "$started" ] && [ "$(process_started "$pid")" = "$started" ] && echo "$pid"
}

daemon_alive()
{
    daemon_pid "$1" >/dev/null
}

# Runs, and from the program that is installed now.
daemon_current()
{
    local pid
    pid=$(daemon_pid "$1") && [[ $(readlink "/proc/$pid/exe") != *' (deleted)' ]]
}

# daemon_start NAME USER COMMAND...
daemon_start()
{
    local name=$1 user=$2 pid
    shift 2
    if with_systemd && [ "$name" != lxcfs ]; then
        systemctl restart "$(unit_name "$name")"
        return
    fi
    daemon_stop "$name" TERM
    # setpriv becomes the program: $! is the program's own pid. 9 is quickstart's lock.
    setsid setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@" \
        9>&- </dev/null >>"$state/log/$name.log" 2>&1 &
    pid=$!
    echo "$pid $(process_started $pid)" >"$state/run/$name.process"
    sleep 0.3
    daemon_alive "$name" || {
        tail -n 20 "$state/log/$name.log"
        return 1
    }
}

# daemon_stop NAME SIGNAL: gone when it returns; by force after 40 s.
daemon_stop()
{
    local name=$1 pid
    if with_systemd && [ "$name" != lxcfs ]; then
        systemctl stop "$(unit_name "$name")"
        return
    fi
    if pid=$(daemon_pid "$name"); then
        kill "-$2" "$pid" || true
        wait_for 40 daemon_gone "$name" || kill -KILL "$pid" || true
        wait_for 5 daemon_gone "$name"
    fi
    rm -f "$state/run/$name.process"
}

daemon_gone()
{
    ! daemon_alive "$1"
}

# unit_install NAME: the unit with this installation's folders, so that it also starts at boot.
unit_install()
{
    local unit
    with_systemd || return 0
    unit=$(unit_name "$1")
    made unit "$unit"
    sed -e "s|@STATE@|$state|g" -e "s|@PG_BIN@|${PG_BIN-}|g" \
        -e "s|@POSTGRESQL_UNIT@|$(unit_name postgresql)|g" \
        "$deploy/systemd/croft-$1.service" >"/etc/systemd/system/$unit"
    systemctl daemon-reload
    systemctl enable --quiet "$unit"
}
