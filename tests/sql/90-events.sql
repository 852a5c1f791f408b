-- The audit log: every change writes into it, nobody writes anything else, its order can be followed.

-- Each function that changes something is seen, by the tests before this one, to write an event in the same call. What changes
-- rows without one is named here, with the reason.
CREATE TEMP TABLE silent (function text PRIMARY KEY, why text NOT NULL);
INSERT INTO silent VALUES
    ('croft_auth_token', 'notes that a token was used'),
    ('croft_auth_session', 'lets in'),
    ('croft_auth_node', 'lets in'),
    ('croft_session_refresh', 'a session goes on'),
    ('croft_node_heartbeat', 'a report'),
    ('croft_node_inventory', 'a report; what it leads to are tasks, with events'),
    ('croft_node_offline', 'a report'),
    ('croft_node_usage', 'a measurement'),
    ('croft_node_evidence', 'a measurement'),
    ('croft_evidence_forget', 'of a vps whose end is an event'),
    ('croft_vps_period_change', 'with the change that it dates'),
    ('croft_snapshot_period_change', 'with the change that it dates'),
    ('croft_traffic_policy_note', 'with the change that it dates'),
    ('croft_node_log', 'what a console said'),
    ('croft_vps_log', 'asks the node for what a console said'),
    ('croft_node_drift', 'a report; alarms of it are events'),
    ('croft_task_progress', 'a report; the end of a task is an event'),
    ('croft_housekeeping', 'marks nodes offline, drops what has expired; what it settles are tasks, with events'),
    ('croft_credentials', 'counts an attempt to sign in; the session is an event'),
    ('croft_profile_credentials', 'counts an attempt'),
    ('croft_totp_begin', 'asks for nothing until it is confirmed, which is an event'),
    ('croft_reset_request', 'the same for everybody; that somebody''s was found is an event of croft_mail_claim()'),
    ('croft_mail_result', 'how a mail went'),
    ('croft_address_freed', 'with the change that frees it'),
    ('croft_rdns_claim', 'the lease of a change'),
    ('croft_rdns_done', 'what name servers were told; that a name changes is an event'),
    ('croft_webhook_test', 'an order to deliver; the delivery is its record'),
    ('croft_webhook_redeliver', 'an order to deliver; the delivery is its record'),
    ('croft_webhook_claim', 'the lease of a delivery'),
    ('croft_rdns_forgo', 'what nobody is to be told; whose name it is was an event'),
    ('croft_offer_price_note', 'with the offer whose price it is'),
    ('croft_export_chores', 'charges what a month came to; the charges are its record'),
    ('croft_traffic_chores', 'counts; what it says and orders are events'),
    ('croft_console_alive', 'what is still open; what is opened and closed are events'),
    ('croft_entry_balanced', 'a check at commit, which writes nothing'),
    ('croft_billing_chores', 'steps of month ends; what they come to are events'),
    ('croft_webhook_done', 'the log of a delivery; that a webhook is disabled is an event');

-- What no test before this one does.
DO $$
DECLARE
    r test.reply;
BEGIN
    r := test.api('op', 'admin_plan_create', '{"body":{"name":"gone","vcpus":1,"memory_bytes":1073741824,"disk_bytes":1073741824}}');
    r := test.api('op', 'admin_plan_update', jsonb_build_object('id', r.body->'id', 'if_match', '*', 'body', '{"active":false}'::jsonb));
    PERFORM test.is((SELECT e.data FROM events e WHERE action = 'plan.updated' ORDER BY id DESC LIMIT 1),
        '{"before":{"active":true},"after":{"active":false}}', 'an update is told by what differs');
    r := test.api('op', 'admin_image_create', jsonb_build_object('body', jsonb_build_object('name', 'gone', 'os', 'debian', 'arch',
        'amd64', 'sha256', test.hash('gone'), 'size', 1, 'signature', test.hash('a') || test.hash('b'))));
    PERFORM test.api('op', 'admin_image_update', jsonb_build_object('id', r.body->'id', 'if_match', '*', 'body', '{"title":"Gone"}'::jsonb));
    PERFORM test.api('op', 'admin_image_delete', jsonb_build_object('id', r.body->'id'));
    PERFORM test.api('op', 'admin_quota_set', jsonb_build_object('if_match', '*', 'id', test.get('ada'), 'body', '{"ipv6":100}'::jsonb));
END
$$;

WITH functions AS (
    SELECT DISTINCT p.proname AS name FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef AND p.provolatile = 'v' AND p.proname NOT IN (SELECT function FROM silent)
), calls AS (
    SELECT function, call, bool_or(is_event) AS event, bool_or(NOT is_event) AS change,
        string_agg(DISTINCT name, ' ') AS tables FROM test.written GROUP BY function, call
)
SELECT test.ok(coalesce(bool_or(c.event), false), format('a test sees an event written by %s', f.name))
FROM functions f LEFT JOIN calls c ON c.function = f.name GROUP BY f.name
UNION ALL
SELECT test.ok(count(*) = 0, 'no call changes anything without an event', string_agg(DISTINCT function || ' ' || tables, ', '))
FROM calls WHERE change AND NOT event AND function NOT IN (SELECT function FROM silent)
    AND function IN (SELECT proname FROM pg_proc WHERE prosecdef)
    AND (function, tables) <> ('croft_task_result', 'tasks'); -- notes that the node knows of a task that was cancelled
SELECT test.ok(EXISTS (SELECT FROM pg_proc WHERE proname = function AND prosecdef), 'there is ' || function) FROM silent;

-- Whose change it was, and what it was. The ends of tasks say what became of an order, whose event says what it changed.
SELECT test.is(string_agg(DISTINCT action, ' '), NULL, 'events of changes say what was before or after') FROM events
WHERE NOT data ?| ARRAY['before', 'after'] AND action !~ '^task\.' AND action !~ '\.tested$' AND action NOT IN ('node.connected', 'usage.quarantined');
SELECT test.is(string_agg(DISTINCT action, ' '), NULL, 'what is new has an after, what is gone a before') FROM events
WHERE action ~ '\.(created|joined)$' AND action !~ '^task\.' AND (data ? 'before' OR NOT data ? 'after')
    OR action ~ '\.deleted$' AND (data ? 'after' OR NOT data ? 'before')
    OR action ~ '\.(updated|set)$' AND NOT (data ? 'before' AND data ? 'after');
SELECT test.is(string_agg(DISTINCT action, ' '), NULL, 'events of tokens say from where and in which request') FROM events
WHERE actor->>'type' IN ('token', 'session') AND (peer IS NULL OR request_id IS NULL);
SELECT test.is(string_agg(DISTINCT action, ' '), NULL, 'no event holds a secret') FROM events
WHERE data::text ~ '"(token_hash|password|password_hash|refresh_hash|csrf_hash|secret)": "(?!\[redacted\])|whsec_|\$argon2';

-- Append-only, also against emptying the table.
DO $$
DECLARE
    x record;
BEGIN
    FOR x IN SELECT r, s FROM unnest(ARRAY['croft_definer', 'croft_server', 'croft_tenant', 'croft_operator', 'croft_agent']) r,
        unnest(ARRAY['UPDATE events SET action = ''x''', 'DELETE FROM events', 'TRUNCATE events', 'TRUNCATE events CASCADE']) s
    LOOP
        BEGIN
            PERFORM set_config('role', x.r, true);
            EXECUTE x.s;
            PERFORM set_config('role', 'none', true);
            PERFORM test.ok(false, format('%s may not %s', x.r, x.s));
        EXCEPTION WHEN insufficient_privilege THEN
            PERFORM test.ok(true, format('%s may not %s', x.r, x.s));
        END;
    END LOOP;
    BEGIN
        TRUNCATE events CASCADE;
        PERFORM test.ok(false, 'not even a superuser truncates it by accident');
    EXCEPTION WHEN insufficient_privilege THEN
        PERFORM test.ok(true, 'not even a superuser truncates it by accident');
    END;
END
$$;

-- Lists: newest first or from a place on, filters, what each role may see.
DO $$
DECLARE
    r test.reply;
    q test.reply;
    v_last bigint;
    v_seen bigint[] := '{}';
    v_cursor text;
BEGIN
    r := test.api('ada', 'event_list', '{"query":{"limit":3}}');
    PERFORM test.is((r.status, jsonb_array_length(r.body->'items'))::text, '(200,3)', 'a tenant lists its events');
    PERFORM test.ok((r.body->'items'->0->>'id')::bigint > (r.body->'items'->2->>'id')::bigint, 'newest first');
    PERFORM test.ok(NOT jsonb_path_exists(test.all_pages('ada', 'event_list', '{}'), '$[*] ? (@.tenant_id != $t)',
        jsonb_build_object('t', test.get('ada'))), 'and nothing foreign');
    r := test.api('ada', 'event_list', '{"query":{"after":0,"limit":200}}');
    PERFORM test.is(r.body->'items'->0->>'action', 'tenant.created', 'followed from the first one on');
    PERFORM test.is(jsonb_array_length(test.all_pages('ada', 'event_list', '{"after":0,"limit":2}')),
        (SELECT count(*)::int FROM events WHERE tenant_id = test.get('ada')::uuid AND xid < croft_horizon()), 'pages of two miss none');
    q := test.api('bob', 'event_list', jsonb_build_object('query', jsonb_build_object('after', r.body->'items'->0->'id')));
    PERFORM test.is((q.status, q.pointer)::text, '(422,/after)', 'a foreign event is no place to follow from');
    q := test.api('ada', 'event_list', '{"query":{"cursor":"AAAAAAAAAAE"}}');
    PERFORM test.is((q.status, q.pointer)::text, '(422,/cursor)', 'nor a cursor');
    r := test.api('op', 'admin_event_list', '{"query":{"action":"plan.created"}}');
    PERFORM test.ok(jsonb_path_exists(r.body, '$.items[*]') AND NOT jsonb_path_exists(r.body, '$.items[*] ? (@.action != "plan.created")'),
        'filtered by action');
    r := test.api('op', 'admin_event_list', '{"query":{"since":"2999-01-01T00:00:00Z"}}');
    PERFORM test.is(r.body->'items', '[]', 'and by time');
    -- A viewer of the same tenant.
    PERFORM set_config('croft.role', 'viewer', true), set_config('croft.tenant', test.get('ada'), true);
    PERFORM set_config('role', 'croft_tenant', true);
    PERFORM set_config('test.kinds', (SELECT string_agg(DISTINCT subject_type, ' ') FROM events), true);
    PERFORM set_config('role', 'none', true);
    PERFORM test.is(current_setting('test.kinds'), 'vps', 'who does not manage the tenant sees what happens to its vps');
END
$$;

-- The feed of streams.
SELECT test.is((SELECT (f.pending, f.id)::text FROM test.feed('bob', NULL) f), '(f,)', 'a feed without a place tells where to begin');
SELECT test.is((SELECT count(f.id) FROM test.feed('ada', 0) f),
    (SELECT least(count(*), 200) FROM events WHERE tenant_id = test.get('ada')::uuid AND xid < croft_horizon()), 'and from a place what follows');
