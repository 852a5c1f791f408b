# shellcheck shell=bash
# shellcheck disable=SC2154 # set by run
# Transactions that hold several rows meet others that want the same ones the other way round (sourced by run, after races.sh, whose
# at_once and begin it uses). In a wrong order PostgreSQL would end one of them: deadlock detected.

# Two nodes, and two tenants with twenty vps each that lie on them in turn: in the order of one's vps the nodes come this way, in the
# other's that way round.
sql >/dev/null <<'SQL'
UPDATE nodes SET state = 'draining' WHERE state = 'active';
SELECT test.set('lock-' || x, test.node('lock-' || x, test.get('location')::uuid, 64, 1099511627776, 10995116277760)) FROM unnest(ARRAY['a', 'b']) x;
SELECT test.tenant('lock-' || x, '{"vps":null,"running_vps":null,"snapshots":null,"backup_bytes":null,"vcpus":null,"memory_bytes":null,"disk_bytes":null,"ipv4":null,"ipv6":null}')
    FROM unnest(ARRAY['1', '2']) x;
CREATE FUNCTION test.on_node(p_tenant text, p_node text, p_name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r test.reply;
BEGIN
    UPDATE nodes SET state = CASE id::text WHEN test.get(p_node) THEN 'active' ELSE 'draining' END WHERE name LIKE 'lock-%';
    r := test.api(p_tenant, 'vps_create', jsonb_build_object('body', jsonb_build_object('name', p_name, 'plan_id', test.get('plan'),
        'image_id', test.get('image'), 'location_id', test.get('location'), 'ipv4', 0)));
    IF r.status <> 202 THEN
        RAISE EXCEPTION '% %', r.status, r.body;
    END IF;
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
END
$$;
UPDATE pools SET size = 1021 WHERE family = 4;
SELECT test.on_node('lock-1', CASE i % 2 WHEN 0 THEN 'lock-a' ELSE 'lock-b' END, 'l' || i),
    test.on_node('lock-2', CASE i % 2 WHEN 0 THEN 'lock-b' ELSE 'lock-a' END, 'l' || i) FROM generate_series(1, 20) i;
SQL
deadlocks() { sql -c "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"; }
is "$(sql -c "SELECT count(*) FROM vps v JOIN tenants t ON t.id = v.tenant_id WHERE t.name LIKE 'lock-%' AND v.observed = 'running'")" 40 "forty vps on two nodes"

# Suspended and resumed while snapshots are made, ordered of by their owners, and housekept.
sql -c "INSERT INTO snapshot_schedules (vps_id, tenant_id, hourly, daily, weekly, next_at) SELECT v.id, v.tenant_id, 1, 0, 0, now() FROM vps v JOIN tenants t ON t.id = v.tenant_id WHERE t.name LIKE 'lock-%'"
tenant() { echo "(SELECT id::text FROM tenants WHERE name = 'lock-' || (1 + %N / 2 % 2))"; }
begin
got=$(at_once "SELECT CASE %N % 5
    WHEN 0 THEN (test.api('op', 'admin_tenant_suspend', test.by_id($(tenant), '{\"reason\":\"r\"}'))).status::text
    WHEN 1 THEN (test.api('op', 'admin_tenant_resume', test.by_id($(tenant)))).status::text
    WHEN 2 THEN (SELECT 'done' FROM croft_housekeeping('{\"step\":\"schedules\"}'))
    WHEN 3 THEN (SELECT 'done' FROM croft_tenant_chores('{}'))
    ELSE (SELECT 'done' FROM (SELECT croft_housekeeping('{\"step\":\"retry\"}'), croft_housekeeping('{\"step\":\"delete\"}')) x) END")
is "$(grep -cE '^(200|done)$' <<<"$got")" 50 "suspending, resuming and housekeeping at once are all answered"
is "$(deadlocks)" 0 "and none waits for another in a circle"
sql -c "SELECT test.api('op', 'admin_tenant_resume', test.by_id(id::text)) FROM tenants WHERE name LIKE 'lock-%' AND state = 'suspended'" >/dev/null

# Two transactions, each with the vps of one tenant: both want both nodes.
order_of() { sql -c "SELECT array_agg(v.id ORDER BY v.id) FROM vps v JOIN tenants t ON t.id = v.tenant_id WHERE t.name = '$1'"; }
one=$(order_of lock-1) two=$(order_of lock-2)
begin
got=$(at_once "SELECT 'done' FROM (SELECT CASE %N % 2 WHEN 0 THEN croft_nodes_lock('$one') ELSE croft_nodes_lock('$two') END, pg_sleep(0.01)) x")
is "$(count "done" "$got")" 50 "fifty times both nodes are locked, this way and that way round"
is "$(deadlocks)" 0 "in one order"

# Two webhooks that hear of everything, changed fifty times at once: the event of each change is for both.
sql -c "SELECT test.api('lock-1', 'webhook_create', jsonb_build_object('body', jsonb_build_object('url', 'https://example.org/' || i, 'secret', 's', 'sealed', test.sealed('s')))) FROM generate_series(1, 2) i" >/dev/null
hook() { echo "(SELECT w.id FROM webhooks w JOIN tenants t ON t.id = w.tenant_id WHERE t.name = 'lock-1' ORDER BY w.id OFFSET %N % 2 LIMIT 1)"; }
begin
got=$(at_once "$status test.api('lock-1', 'webhook_update', jsonb_build_object('id', $(hook), 'if_match', '*', 'body', jsonb_build_object('description', 'd%N'))) r")
is "$(count 200 "$got")" 50 "fifty changes of two webhooks at once"
is "$(deadlocks)" 0 "do not wait for each other"

# Addresses more, while others are created: both lock the node before its pools.
sql -c "UPDATE nodes SET state = 'active' WHERE name LIKE 'lock-%'" -c "SELECT test.settle(t.id::text, 'done', 'running') FROM tasks t JOIN tenants n ON n.id = t.tenant_id WHERE n.name = 'lock-2' AND t.ended_at IS NULL ORDER BY t.seq" >/dev/null
begin
got=$(at_once "SELECT coalesce(r.code, r.status::text) FROM (SELECT (CASE %N % 2 WHEN 0 THEN test.vps('lock-1', 'new%N')
    ELSE test.api('lock-2', 'vps_address_add', jsonb_build_object('id', (SELECT v.id FROM vps v JOIN tenants t ON t.id = v.tenant_id WHERE t.name = 'lock-2' ORDER BY v.id OFFSET %N % 20 LIMIT 1), 'body', '{\"family\":4}'::jsonb)) END).*) r")
is "$(grep -cE '^(202|conflict)$' <<<"$got")" 50 "creates and addresses more, at once, are all answered"
is "$(deadlocks)" 0 "and take node and pool in one order"
consistent "after all of it"

# Two owners who remove each other, twenty-five times over, at once: one of each two stays.
sql >/dev/null <<'SQL'
SELECT test.tenant('pair' || i, '{}') FROM generate_series(0, 24) i;
INSERT INTO users (email, password_hash) SELECT 'pair' || i || x || '@example.org', 'h' FROM generate_series(0, 24) i, unnest(ARRAY['a', 'b']) x;
INSERT INTO memberships (user_id, tenant_id, role) SELECT u.id, t.id, 'owner' FROM tenants t JOIN users u ON u.email LIKE t.name || '_@example.org' WHERE t.name LIKE 'pair%';
INSERT INTO tokens (tenant_id, user_id, name, token_hash, prefix) SELECT m.tenant_id, m.user_id, 'pair', test.hash(split_part(u.email, '@', 1)), 't'
    FROM memberships m JOIN users u ON u.id = m.user_id WHERE u.email LIKE 'pair%';
SQL
begin
got=$(at_once "$status test.api('pair' || (%N % 25) || CASE WHEN %N > 25 THEN 'a' ELSE 'b' END, 'member_delete', jsonb_build_object('id',
    (SELECT id FROM users WHERE email = 'pair' || (%N % 25) || CASE WHEN %N > 25 THEN 'b' ELSE 'a' END || '@example.org'))) r")
is "$(count 204 "$got")" 25 "of two owners who remove each other one is removed"
is "$(sql -c "SELECT count(*) FROM tenants t WHERE name LIKE 'pair%' AND 1 = (SELECT count(*) FROM memberships m WHERE m.tenant_id = t.id AND m.role = 'owner')")" 25 "and one stays"

# What all of the above rests on: an order that is wrong is counted. Fifty lock two nodes this way and that way round.
sql >/dev/null <<'SQL'
CREATE FUNCTION test.lock_wrongly(p_first text, p_second text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM nodes WHERE name = p_first FOR UPDATE;
    PERFORM pg_sleep(0.05);
    PERFORM FROM nodes WHERE name = p_second FOR UPDATE;
    RETURN 'done';
END
$$;
SQL
begin
got=$(at_once "SELECT CASE %N % 2 WHEN 0 THEN test.lock_wrongly('lock-a', 'lock-b') ELSE test.lock_wrongly('lock-b', 'lock-a') END")
for _ in $(seq 300); do
    [ "$(deadlocks)" = 0 ] || break
    sleep 0.1
done
is "$([ "$(deadlocks)" -gt 0 ] && grep -c 'deadlock detected' <<<"$got" | sed 's/^[1-9].*/ended/')" ended "a wrong order is seen"
