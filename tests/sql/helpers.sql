-- Assertions and callers for the tests. Every statement of server/sql is in test.statements, so that what runs here is what
-- the server runs, under the role that the server runs it under.
CREATE SCHEMA test;

CREATE TABLE test.results (id bigint GENERATED ALWAYS AS IDENTITY, ok boolean NOT NULL, name text NOT NULL, note text);
CREATE TABLE test.statements (name text PRIMARY KEY, role text NOT NULL, text text NOT NULL);
CREATE TABLE test.vars (name text PRIMARY KEY, value text);

CREATE FUNCTION test.ok(p_ok boolean, p_name text, p_note text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO test.results (ok, name, note) VALUES (coalesce(p_ok, false), p_name, p_note)
$$;

CREATE FUNCTION test.is(p_got anyelement, p_want anyelement, p_name text) RETURNS void LANGUAGE sql AS $$
    SELECT test.ok(p_got IS NOT DISTINCT FROM p_want, p_name, format('got %s, wanted %s', p_got, p_want))
$$;

CREATE FUNCTION test.set(p_name text, p_value text) RETURNS text LANGUAGE sql AS $$
    INSERT INTO test.vars VALUES (p_name, p_value) ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING value
$$;

CREATE FUNCTION test.get(p_name text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT value FROM test.vars WHERE name = p_name
$$;

CREATE FUNCTION test.hash(p_text text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(sha256(p_text::bytea), 'hex')
$$;

-- What looks like a secret that the server has sealed.
CREATE FUNCTION test.sealed(p_text text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'v1.k.' || test.hash(p_text)
$$;

CREATE TYPE test.reply AS (status int, body jsonb, etag text, location text, code text, pointer text);

CREATE FUNCTION test.failed(p_state text, p_message text, p_detail text, p_hint text) RETURNS test.reply LANGUAGE sql AS $$
    SELECT (CASE WHEN p_state LIKE 'CR%' THEN right(p_state, 3)::int ELSE 500 END,
        jsonb_build_object('detail', p_message, 'sqlstate', p_state), NULL, NULL, p_detail, p_hint)::test.reply
$$;

-- Every row that a function of ours writes, and every event: 90-events.sql compares them call by call. The function is the
-- outermost of the stack; the call is that of test.api() or test.hub(), elsewhere the transaction.
CREATE TABLE test.written (function text NOT NULL, call text NOT NULL, name name NOT NULL, is_event boolean NOT NULL);
CREATE FUNCTION test.note_written() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    v_stack text;
    v_function text;
BEGIN
    GET DIAGNOSTICS v_stack = PG_CONTEXT;
    SELECT m[1] INTO v_function FROM regexp_matches(v_stack, 'function "?(croft_[a-z0-9_]+)', 'g') WITH ORDINALITY x (m, n)
        ORDER BY n DESC LIMIT 1;
    IF v_function IS NOT NULL THEN
        INSERT INTO test.written VALUES (v_function, coalesce(nullif(current_setting('test.call', true), ''), txid_current()::text),
            TG_TABLE_NAME, TG_TABLE_NAME = 'events');
    END IF;
    RETURN NULL;
END
$$;
DO $$
DECLARE
    t text;
BEGIN
    -- What is measured and what is kept for retries and deliveries is no change of anything.
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'usage%'
        AND tablename NOT IN ('croft_migrations', 'idempotency_keys', 'webhook_deliveries')
    LOOP
        EXECUTE format('CREATE TRIGGER test_note AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW '
            'EXECUTE FUNCTION test.note_written()', t);
    END LOOP;
END
$$;

-- One request: authenticate with the token, switch the role, run the statement; as the server's pipeline does.
CREATE FUNCTION test.api(p_token text, p_statement text, p_req jsonb DEFAULT '{}') RETURNS test.reply LANGUAGE plpgsql AS $$
DECLARE
    s test.statements;
    a record;
    r test.reply;
    v_reads boolean := p_statement ~ '_(list(_by_.*)?|read|outcome|usage|limits|log|feed)$' OR p_statement = 'session_delete';
    v_state text; v_message text; v_detail text; v_hint text;
BEGIN
    SELECT * INTO STRICT s FROM test.statements WHERE name = p_statement;
    BEGIN
        PERFORM set_config('role', 'croft_server', true);
        PERFORM FROM croft_auth_token(encode(sha256(p_token::bytea), 'hex'), replace(s.role, 'croft_', ''), NULL,
            CASE WHEN p_statement LIKE 'token\_%' THEN 'tokens' WHEN p_statement = 'session_delete' THEN 'any' ELSE 'test' END || CASE WHEN v_reads THEN ':read' ELSE ':write' END,
            '192.0.2.9', 'req-1', NULL,
            CASE WHEN s.role = 'croft_operator' THEN '{operator}'::text[] WHEN v_reads THEN '{owner,admin,member,billing,viewer}'
                ELSE '{owner,admin,member}' END);
        PERFORM set_config('role', s.role, true), set_config('test.call', gen_random_uuid()::text, true);
        EXECUTE s.text INTO a USING p_req;
        PERFORM set_config('role', 'none', true), set_config('test.call', '', true);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL,
            v_hint = PG_EXCEPTION_HINT;
        RETURN test.failed(v_state, v_message, v_detail, v_hint);
    END;
    IF a.status IS NULL THEN
        RETURN (404, NULL, NULL, NULL, 'not_found', NULL)::test.reply;
    END IF;
    RETURN (a.status, a.body::jsonb, a.etag, a.location, NULL, NULL)::test.reply;
END
$$;

-- One message of a node over the link of that epoch.
CREATE FUNCTION test.hub(p_node text, p_epoch bigint, p_statement text, p_message jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_state text; v_message text; v_detail text; v_hint text;
    v_replies jsonb[];
BEGIN
    BEGIN
        PERFORM set_config('role', 'croft_server', true);
        PERFORM FROM croft_auth_node(p_node::uuid, test.serial(p_node));
        PERFORM set_config('role', 'croft_agent', true), set_config('test.call', gen_random_uuid()::text, true);
        EXECUTE 'SELECT array_agg(reply) FROM (' || test.statement(p_statement) || ') x' INTO v_replies
            USING p_node::uuid, p_epoch, p_message;
        PERFORM set_config('role', 'none', true), set_config('test.call', '', true);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL,
            v_hint = PG_EXCEPTION_HINT;
        v_replies := ARRAY[jsonb_build_object('failed', v_state, 'code', v_detail, 'detail', v_message)];
    END;
    RETURN QUERY SELECT unnest(v_replies);
END
$$;

-- Read by roles that see nothing of this schema.
CREATE FUNCTION test.statement(p_name text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT text FROM test.statements WHERE name = p_name
$$;
CREATE FUNCTION test.serial(p_node text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'aa' || left(encode(sha256(p_node::bytea), 'hex'), 16)
$$;
GRANT USAGE ON SCHEMA test TO PUBLIC;

-- A node that joins, is certified and says hello.
CREATE FUNCTION test.node(p_name text, p_location uuid, p_cpus int, p_memory bigint, p_disk bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    r test.reply;
    v_node text;
BEGIN
    r := test.api('op', 'admin_join_token_create', jsonb_build_object('body', jsonb_build_object(
        'location_id', p_location, 'token_hash', test.hash('join ' || p_name), 'token_prefix', 'croft_join')));
    v_node := croft_node_join(test.hash('join ' || p_name), test.hash('key ' || p_name), p_name, '192.0.2.1');
    PERFORM croft_certificate_record(v_node::uuid, test.serial(v_node), test.hash('key ' || p_name), test.hash('cert ' || p_name),
        now() + interval '7 days');
    PERFORM test.hello(v_node, p_cpus, p_memory, p_disk, '[]');
    RETURN v_node;
END
$$;

CREATE FUNCTION test.hello(p_node text, p_cpus int, p_memory bigint, p_disk bigint, p_inventory jsonb) RETURNS bigint
LANGUAGE sql AS $$
    SELECT (h->>'epoch')::bigint FROM test.hub(p_node, 0, 'node_hello', jsonb_build_object('type', 'hello', 'agent', '0.1.0',
        'boot', 'b', 'name', 'n', 'images', '[]'::jsonb, 'inventory', p_inventory, 'node', jsonb_build_object('kernel', '6.1',
            'cpus', p_cpus, 'memory_bytes', p_memory, 'disk_bytes', p_disk, 'disk_free_bytes', p_disk, 'id_base', 1000000,
            'id_count', 65000 / 2, 'cgroup', 'v2', 'apparmor', true, 'lxcfs', true, 'warnings', '[]'::jsonb))) h
$$;

CREATE FUNCTION test.epoch(p_node text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT epoch FROM node_status WHERE node_id = p_node::uuid
$$;

-- The agent settles a task as told.
CREATE FUNCTION test.settle(p_task text, p_status text, p_observed text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT test.hub(t.node_id::text, test.epoch(t.node_id::text), 'task_result', jsonb_build_object('type', 'task_result',
        'task', t.id, 'status', p_status, 'vps', t.vps_id, 'generation', t.generation, 'observed', p_observed,
        'error', CASE p_status WHEN 'failed' THEN jsonb_build_object('code', 'disk_full', 'detail', 'The pool is full.') END))
    FROM tasks t WHERE t.id = p_task::uuid
$$;

CREATE FUNCTION test.vps(p_token text, p_name text, p_more jsonb DEFAULT '{}') RETURNS test.reply LANGUAGE sql AS $$
    SELECT test.api(p_token, 'vps_create', jsonb_build_object('body', jsonb_build_object('name', p_name,
        'plan_id', test.get('plan'), 'image_id', test.get('image'), 'location_id', test.get('location'))) || p_more)
$$;

-- Accounts with charges that were put in by hand: they have no history that the check of rating could find them in.
CREATE TABLE test.by_hand (tenant_id uuid PRIMARY KEY);

CREATE FUNCTION test.consistent(p_when text) RETURNS void LANGUAGE sql AS $$
    SELECT test.ok(count(*) = 0, 'verify finds nothing: ' || p_when, string_agg(d::text, ' '))
    FROM (SELECT to_jsonb(q) FROM croft_verify_quotas() q UNION ALL SELECT to_jsonb(b) FROM croft_verify_billing() b
        WHERE b.kind <> 'charge' OR b.subject NOT IN (SELECT tenant_id FROM test.by_hand)) d
$$;

-- A tenant with quotas and a token of its name.
CREATE FUNCTION test.tenant(p_name text, p_quotas jsonb, p_parent uuid DEFAULT croft_root(),
    p_kind text DEFAULT 'tenant') RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid;
BEGIN
    INSERT INTO tenants (parent_id, kind, name) VALUES (p_parent, p_kind, p_name) RETURNING id INTO v_id;
    PERFORM croft_quota_set(v_id, p_quotas, '/quotas');
    IF p_kind = 'reseller' AND test.get('plan') IS NOT NULL THEN -- it sells on what there is
        INSERT INTO plan_offers (seller_id, plan_id, price_month, price_hour, currency)
            SELECT v_id, id, 7, 0.01, 'EUR' FROM plans WHERE id = test.get('plan')::uuid;
    END IF;
    INSERT INTO tokens (tenant_id, name, token_hash, prefix) VALUES (v_id, p_name, test.hash(p_name), 't');
    RETURN v_id;
END
$$;

-- All items of a list, page by page.
CREATE FUNCTION test.all_pages(p_token text, p_statement text, p_query jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    r test.reply;
    v_all jsonb := '[]';
BEGIN
    LOOP
        r := test.api(p_token, p_statement, jsonb_build_object('query', p_query));
        v_all := v_all || coalesce(r.body->'items', '[]');
        EXIT WHEN r.location IS NULL;
        p_query := p_query || jsonb_build_object('cursor', r.location);
    END LOOP;
    RETURN v_all;
END
$$;

-- What a stream of the token's tenant would read.
CREATE FUNCTION test.feed(p_token text, p_after bigint) RETURNS TABLE (pending boolean, head bigint, id bigint, body text)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM croft_enter(t.tenant_id, t.user_id, 'owner', t.id, NULL, NULL, NULL, NULL) FROM tokens t WHERE t.token_hash = test.hash(p_token);
    PERFORM set_config('role', 'croft_tenant', true);
    RETURN QUERY EXECUTE 'SELECT pending, head, id, body FROM (' || test.statement('event_feed') || ') f'
        USING jsonb_build_object('after', p_after);
    PERFORM set_config('role', 'none', true);
END
$$;

-- Usage of a vps in an hour, as the only part of a boot of its own; p_last: its counters at the end ({"last_cpu_ns": 1}).
CREATE FUNCTION test.measured(p_vps uuid, p_hour timestamptz, p_last jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO usage_evidence
    SELECT (jsonb_populate_record(NULL::usage_evidence, (SELECT jsonb_object_agg(column_name, 0) FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name = 'usage_evidence' AND data_type = 'bigint')
        || jsonb_build_object('vps_id', p_vps, 'boot', gen_random_uuid(), 'tenant_id', v.tenant_id, 'hour', p_hour, 'part', 1, 'samples', 1,
            'last_seq', 1, 'first_ts', p_hour, 'last_ts', p_hour, 'anew', false) || p_last)).*
    FROM vps v WHERE v.id = p_vps
$$;
