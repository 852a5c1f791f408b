-- What neutral.sh calls with each statement. Ada asks; everybody else has rows of every kind that is there by now.
CREATE TABLE test.neutralised (name text PRIMARY KEY);

-- A seller of whom Ada buys nothing has a way to pay, too.
INSERT INTO payment_providers (seller_id, kind, title)
    SELECT id, 'manual', 'Bank' FROM tenants WHERE kind = 'reseller' AND NOT path @> ARRAY[test.get('ada')::uuid] LIMIT 1;

-- Every id of a row that belongs to somebody else, of every table that has a tenant, and those tenants' own.
CREATE FUNCTION test.foreign_ids(p_tenant uuid) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    t record;
    v_ids text[] := (SELECT array_agg(n.id::text) FROM tenants n, tenants own
        WHERE own.id = p_tenant AND n.id <> ALL (own.path) AND NOT n.path @> ARRAY[own.id]);
    v_some text[];
BEGIN
    FOR t IN SELECT c.table_name FROM information_schema.columns c JOIN information_schema.columns i
            ON i.table_schema = 'public' AND i.table_name = c.table_name AND i.column_name = 'id' AND i.data_type = 'uuid'
        JOIN pg_tables b ON b.schemaname = 'public' AND b.tablename = c.table_name
        WHERE c.table_schema = 'public' AND c.column_name = 'tenant_id'
    LOOP
        EXECUTE format('SELECT array_agg(id::text) FROM %I WHERE tenant_id <> $1', t.table_name) INTO v_some USING p_tenant;
        v_ids := v_ids || coalesce(v_some, '{}');
    END LOOP;
    -- What belongs to a seller is shown to those whom it sells to, and to nobody else.
    FOR t IN SELECT c.table_name FROM information_schema.columns c JOIN information_schema.columns i
            ON i.table_schema = 'public' AND i.table_name = c.table_name AND i.column_name = 'id' AND i.data_type = 'uuid'
        JOIN pg_tables b ON b.schemaname = 'public' AND b.tablename = c.table_name
        WHERE c.table_schema = 'public' AND c.column_name = 'seller_id'
    LOOP
        EXECUTE format('SELECT array_agg(id::text) FROM %I WHERE seller_id <> ALL ((SELECT path FROM tenants WHERE id = $1)::uuid[])', t.table_name)
            INTO v_some USING p_tenant;
        v_ids := v_ids || coalesce(v_some, '{}');
    END LOOP;
    v_ids := v_ids || (SELECT coalesce(array_agg(m.user_id::text), '{}') FROM memberships m WHERE m.user_id NOT IN
        (SELECT o.user_id FROM memberships o WHERE o.tenant_id = p_tenant));
    -- Who did something to a tenant is named in its log, staff too.
    RETURN ARRAY(SELECT i FROM unnest(v_ids) i WHERE NOT EXISTS
        (SELECT FROM events e WHERE e.tenant_id = p_tenant AND i IN (e.actor->>'user_id', e.actor->>'token_id')));
END
$$;

-- What the statement shows to whoever has that role, as text; the SQLSTATE if it fails.
CREATE FUNCTION test.shows(p_text text, p_role text, p_req jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_shown text;
BEGIN
    PERFORM set_config('role', 'croft_server', true);
    PERFORM FROM croft_auth_token(test.hash('ada'), 'tenant', NULL, 'any:read', '192.0.2.9', 'r', NULL,
        '{owner,admin,member,billing,viewer}');
    PERFORM set_config('role', p_role, true);
    EXECUTE 'SELECT coalesce(string_agg(x::text, '' ''), '''') FROM (' || p_text || ') x' INTO v_shown USING p_req;
    PERFORM set_config('role', 'none', true);
    RETURN v_shown;
EXCEPTION WHEN OTHERS THEN
    RETURN 'failed ' || SQLSTATE || ' ' || SQLERRM;
END
$$;

CREATE FUNCTION test.leaks(p_shown text) RETURNS text LANGUAGE sql AS $$
    SELECT min(f) FROM unnest(test.foreign_ids(test.get('ada')::uuid)) f WHERE position(f IN p_shown) > 0
$$;

CREATE FUNCTION test.neutral(p_name text, p_text text, p_neutral text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    -- A foreign id to ask for, in case the statement passes it on to a function.
    v_req jsonb := jsonb_build_object('id', (SELECT id FROM vps WHERE tenant_id <> test.get('ada')::uuid ORDER BY id LIMIT 1),
        'query', '{"limit":200}'::jsonb);
    v_filters boolean := p_text ~* '\mwhere\M';
    v_shown text;
BEGIN
    IF NOT v_filters THEN
        -- One function that decides: it is no statement that could forget a filter.
        PERFORM test.ok(p_text ~ '^SELECT [a-z, ]+ FROM croft_[a-z_]+\(\$1::jsonb\)( AS [a-z]+)?\s*$', p_name || ' is one call');
        RETURN;
    END IF;
    INSERT INTO test.neutralised VALUES (p_name);
    PERFORM test.ok(p_neutral <> p_text AND regexp_replace(p_neutral, '--[^\n]*', '', 'g') !~* '\m(where|on)\M(?!\s+true\M)', p_name || ' has lost its filters', p_neutral);
    v_shown := test.shows(p_neutral, 'croft_tenant', v_req);
    PERFORM test.ok(v_shown !~ '^failed' OR v_shown ~ '^failed 21000', p_name || ' runs without its filters', v_shown);
    PERFORM test.is(test.leaks(v_shown), NULL, p_name || ' leaks nothing without its filters');
    -- The test's own test: with nobody's row-level security in the way it would.
    IF p_text ~ 'tenant_id = croft_tenant_id\(\)' AND v_shown ~ '^\(' THEN
        PERFORM test.ok(test.leaks(test.shows(p_neutral, 'none', v_req)) IS NOT NULL, p_name || ' would leak but for row-level security');
    END IF;
END
$$;

-- Every table that a tenant may read at all, without any statement.
DO $$
DECLARE
    t record;
    v_shown text;
BEGIN
    PERFORM test.ok(test.leaks(test.get('bob')) IS NOT NULL, 'a foreign id is noticed');
    FOR t IN SELECT relname AS tablename FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND has_any_column_privilege('croft_tenant', oid, 'SELECT')
    LOOP
        v_shown := test.shows(format('SELECT %s FROM %I', (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
            WHERE attrelid = ('public.' || t.tablename)::regclass AND attnum > 0 AND NOT attisdropped
                AND has_column_privilege('croft_tenant', attrelid, attnum, 'SELECT')), t.tablename), 'croft_tenant', '{}');
        PERFORM test.ok(v_shown !~ '^failed', t.tablename || ' is read', left(v_shown, 200));
        PERFORM test.is(test.leaks(v_shown), NULL, t.tablename || ' shows a tenant nothing of another');
    END LOOP;
END
$$;
