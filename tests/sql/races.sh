# shellcheck shell=bash
# Fifty at once (sourced by run): every session is a server connection that has authenticated and switched its role.

# Runs $1 in fifty sessions at the same moment; %N is the session's number. Each line of output is a status or a slug.
at_once() {
    local i
    for i in $(seq 50); do
        sql -c "SELECT pg_sleep(greatest(0, $start - extract(epoch FROM clock_timestamp())))" -c "${1//%N/$i}" 2>&1 | grep . &
    done
    wait
}
# The nodes have been heard of a moment ago, however slow this machine is.
begin() { start=$(sql -c "UPDATE node_status SET last_seen_at = now()" -c "SELECT extract(epoch FROM clock_timestamp()) + 1.5"); }
count() { grep -c "^$1\$" <<<"$2"; }
is() { sql -c "SELECT test.is('$1'::text, '$2', '$3')" >/dev/null; }
consistent() { sql -c "SELECT test.consistent('$1')" >/dev/null; }

status="SELECT coalesce(r.code, r.status::text) FROM"
unlimited='"snapshots":null,"backup_bytes":null,"image_bytes":null,"vcpus":null,"memory_bytes":null,"disk_bytes":null,"ipv4":null,"ipv6":null'
sql -c "SELECT test.tenant('race', '{\"vps\":10,$unlimited}')" >/dev/null
begin
got=$(at_once "$status test.vps('race', 'race%N') r")
is "$(count 202 "$got") $(count quota_exceeded "$got")" "10 40" "fifty creates at once against a quota of ten make ten"
consistent "after fifty creates at once"

begin
got=$(at_once "$status test.api('race', 'vps_delete', jsonb_build_object('id', (SELECT id FROM vps WHERE tenant_id = (SELECT id FROM tenants WHERE name = 'race') ORDER BY id OFFSET %N % 10 LIMIT 1))) r")
is "$(count 202 "$got")" 50 "five deletes of each of ten vps at once are all accepted"
is "$(sql -c "SELECT count(*) FROM tasks WHERE kind = 'vps_delete' AND ended_at IS NULL")" 10 "and make ten tasks"

# The agent settles the creates and the deletes, while others create.
begin
got=$(at_once "SELECT test.settle(id::text, 'done', CASE kind WHEN 'vps_create' THEN 'running' ELSE 'absent' END) ->> 'type' FROM tasks WHERE ended_at IS NULL AND seq % 50 = %N % 50 AND tenant_id = (SELECT id FROM tenants WHERE name = 'race'); $status test.vps('race', 'next%N') r")
is "$(grep -cE '^(202|quota_exceeded)$' <<<"$got")" 50 "creates while others are settled have an answer each"
is "$(sql -c "SELECT count(*) FROM vps WHERE deleted_at IS NULL AND desired <> 'deleted' AND tenant_id = (SELECT id FROM tenants WHERE name = 'race')")" \
    "$(count 202 "$got")" "and exist if they were accepted"
consistent "after creates and settles at once"

# Two levels: the reseller has five, its tenants ten each.
sql -c "SELECT test.tenant('reseller', '{\"vps\":5,$unlimited}', croft_root(), 'reseller'); SELECT test.tenant('c1', '{\"vps\":10,$unlimited}', (SELECT id FROM tenants WHERE name = 'reseller')); SELECT test.tenant('c2', '{\"vps\":10,$unlimited}', (SELECT id FROM tenants WHERE name = 'reseller'))" >/dev/null
begin
got=$(at_once "$status test.vps('c' || (1 + %N % 2), 'two%N') r")
is "$(count 202 "$got") $(count quota_exceeded "$got")" "5 45" "two tenants at once fill the quota of the one above exactly"
consistent "after two levels at once"

sql -c "SELECT test.tenant('idem', '{\"vps\":null,$unlimited}')" >/dev/null
begin
got=$(at_once "SELECT r.status || ' ' || (r.body->'vps'->>'id') FROM test.vps('idem', 'idem', '{\"idempotency\":{\"key\":\"k\",\"hash\":\"h\"}}') r")
is "$(sort -u <<<"$got" | wc -l) $(grep -c '^202 ' <<<"$got")" "1 50" "one idempotency key fifty times at once is one vps"
begin
got=$(at_once "$status test.vps('idem', 'same') r")
is "$(count 202 "$got") $(count conflict "$got")" "1 49" "one name fifty times at once is one vps"
consistent "after one key and one name"

# Fifty tickets of one vps used at once.
sql >/dev/null <<'SQL'
SELECT test.settle((test.vps('idem', 'consoled')).body->'task'->>'id', 'done', 'running');
UPDATE node_status SET online = true;
SELECT test.ticket('idem', (SELECT id::text FROM vps WHERE name = 'consoled' AND tenant_id = (SELECT id FROM tenants WHERE name = 'idem')), 'race' || i)
    FROM generate_series(1, 50) i;
SQL
begin
got=$(at_once "SELECT test.open('race%N')")
is "$(count open "$got") $(count CR409 "$got")" "10 40" "fifty consoles of a vps at once are ten"

# Ten addresses for fifty, and a node with room for ten.
sql -c "UPDATE pools SET size = used + 10 WHERE family = 4" >/dev/null
begin
got=$(at_once "$status test.vps('idem', 'addr%N') r")
is "$(count 202 "$got") $(count pool_exhausted "$got")" "10 40" "ten addresses at once for fifty"
sql -c "UPDATE pools SET size = 1021 WHERE family = 4; UPDATE nodes SET capacity_memory_bytes = used_memory_bytes + 10 * (SELECT memory_bytes FROM plans_now WHERE name = 's1') WHERE name = 'node1'" >/dev/null
begin
got=$(at_once "$status test.vps('idem', 'room%N') r")
is "$(count 202 "$got") $(count no_capacity "$got")" "10 40" "room for ten at once for fifty"
is "$(sql -c "SELECT count(*) - count(DISTINCT (node_id, slot)) FROM vps WHERE deleted_at IS NULL")" 0 "no range of ids is given twice"
consistent "after addresses and room ran out"

# One batch of usage from fifty sessions at once counts once. Of a boot of its own: what other files said of theirs would make it fall back.
sql -c "SELECT test.set('race_boot', gen_random_uuid()::text)" >/dev/null
begin
got=$(at_once "SELECT test.report(jsonb_build_array(test.sample(test.get('meter'), test.get('race_boot'), 9, 1000))) ->> 'stored'")
is "$(count 1 "$got") $(count 0 "$got")" "1 49" "a batch fifty times at once is counted once"

is "$(sql -c "SELECT count(*) FROM pg_stat_database WHERE datname = current_database() AND deadlocks > 0")" 0 "no deadlock"
