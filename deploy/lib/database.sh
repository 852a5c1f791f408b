# shellcheck shell=bash
# shellcheck disable=SC2154 # variables shared by the parts that quickstart sources
# A private PostgreSQL cluster: no TCP, a socket that only user croft can reach, peer authentication.

pg_bin()
{
    local found
    found=$(find /usr/lib/postgresql -maxdepth 3 -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
    [ -n "$found" ] || die "no PostgreSQL server programs under /usr/lib/postgresql"
    dirname "$found"
}

as_croft()
{
    runuser -u croft -- "$@"
}

cluster_done()
{
    [ -f "$state/postgresql/data/croft.ready" ]
}

cluster_do()
{
    local data=$state/postgresql/data
    env_set PG_BIN "$(pg_bin)"
    # Without the marker it is the remains of an interrupted run.
    rm -rf "${data:?}"
    install -d -o croft -g croft -m 0700 "$state/postgresql" "$state/postgresql/socket"
    (cd / && as_croft "$PG_BIN/initdb" --pgdata "$data" --username croft --encoding UTF8 \
        --locale C.UTF-8 --auth peer --data-checksums)
    cat >>"$data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$state/postgresql/socket'
max_connections = 100
shared_buffers = 128MB
END
    printf 'local all all peer map=croft\n' >"$data/pg_hba.conf"
    printf 'croft croft croft\ncroft croft croft_server\n' >"$data/pg_ident.conf"
    as_croft touch "$data/croft.ready"
}

postgres_answers()
{
    "$PG_BIN/pg_isready" --quiet --host "$state/postgresql/socket"
}

# pg_isready comes in as root: the folder keeps everybody else out.
postgres_done()
{
    daemon_alive postgresql && postgres_answers
}

postgres_do()
{
    unit_install postgresql
    daemon_start postgresql croft "$PG_BIN/postgres" -D "$state/postgresql/data"
    wait_for 60 postgres_answers
    (cd / && as_croft "$PG_BIN/psql" --host "$state/postgresql/socket" --dbname postgres --quiet \
        --tuples-only --command "select 1 from pg_database where datname = 'croft'" | grep -q 1) ||
        (cd / && as_croft "$PG_BIN/createdb" --host "$state/postgresql/socket" croft)
}
