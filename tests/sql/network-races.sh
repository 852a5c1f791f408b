# shellcheck shell=bash
# shellcheck disable=SC2154 # set by run
# What takes a network's rows meets what holds them in the order of migrations/README.md (sourced by run, after races.sh). Who takes them
# in another order ends in a deadlock: one of the two is answered 40P01.

# opposed NAME HELD WANTED STATEMENT: a session holds HELD, and asks for WANTED while another is in STATEMENT, whose output is left in $got.
opposed()
{
    local said="$dir/opposed.log" holder
    sql -c "BEGIN" -c "$2" -c "SELECT pg_notify('held', '')" -c "SELECT pg_sleep(2)" -c "$3" -c "COMMIT" >"$said" 2>&1 &
    holder=$!
    # On a slow machine it may have slept already when we look: then nothing is opposed, but nothing hangs either.
    while kill -0 "$holder" 2>/dev/null; do
        [ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(2)' AND state = 'active'")" = 0 ] || break
        sleep 0.05
    done
    got=$(sql -c "$4" 2>&1)
    wait "$holder"
    is "$(grep -hE 'ERROR|deadlock' "$said" - <<<"$got")" "" "$1 locks in the order of all others"
}
node_row() { echo "DO \$\$ BEGIN PERFORM FROM nodes WHERE id = test.get('$1')::uuid FOR NO KEY UPDATE; END \$\$"; }
net_row="DO \$\$ BEGIN PERFORM FROM networks WHERE id = test.get('race_net')::uuid FOR NO KEY UPDATE; END \$\$"
join_of() { echo "SELECT (test.kept('network_join', test.get('race_net'), jsonb_build_object('vps_id', test.get('$1')))).status"; }
leave_of() { echo "SELECT (test.kept('network_leave', test.get('race_net'), '{}', jsonb_build_object('query', jsonb_build_object('vps_id', test.get('$1'))))).status"; }

opposed "a vps that joins a network" "$(node_row race_low)" "$net_row" "$(join_of race-2)"
is "$got" 202 "and joins"
sql -c "SELECT test.settle_open(test.get('race-2'), 'done', 'running')" >/dev/null
opposed "one that leaves it" "$(node_row race_low)" "$net_row" "$(leave_of race-2)"
is "$got" 202 "and leaves"
opposed "one whose node has let go of it" "$(node_row race_low)" "$net_row" "SELECT test.settle_open(test.get('race-2'), 'done', 'running')"
is "$(sql -c "SELECT node_id IS NULL FROM networks WHERE id = test.get('race_net')::uuid")" t "and leaves it empty"

# The last member goes while another comes: the network stays bound to the node of the one that came.
sql -c "$(join_of race-2)" -c "SELECT test.settle_open(test.get('race-2'), 'done', 'running')" -c "$(leave_of race-2)" >/dev/null
opposed "a member that goes while another comes" "$(join_of race-3)" "SELECT" "SELECT test.settle_open(test.get('race-2'), 'done', 'running')"
is "$(sql -c "SELECT node_id = test.get('race_low')::uuid FROM networks WHERE id = test.get('race_net')::uuid")" t "leaves the network where that one is"
is "$(sql -c "$(join_of race-1)")" 409 "and nobody joins it from another node"

opposed "an address set that vps on two nodes use" "$(node_row race_low)" "$(node_row race_high)" \
    "SELECT (test.kept('address_set_update', test.get('race_set'), '{\"name\":\"shared\",\"cidrs\":[]}', '{\"if_match\":\"*\"}')).status"
is "$got" 200 "and is changed"
