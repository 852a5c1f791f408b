-- Row-level security on every table, forced, and what each role may do. A new table gets the same in its own migration;
-- tests/sql fails when one is forgotten.

DO $$
DECLARE
    t text;
BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'croft_migrations'
    LOOP
        EXECUTE format('ALTER TABLE %I OWNER TO croft_owner', t);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO croft_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY definer_all ON %I TO croft_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO croft_definer', t);
    END LOOP;
END
$$;

-- Append-only: not even a function that is fooled can rewrite history.
REVOKE UPDATE, DELETE ON events FROM croft_definer;
REVOKE INSERT, UPDATE, DELETE ON state_transitions, resources FROM croft_definer;

-- What everybody may choose from.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['locations', 'resources']
    LOOP
        EXECUTE format('CREATE POLICY tenant_read ON %I FOR SELECT TO croft_tenant USING (true)', t);
        EXECUTE format('GRANT SELECT ON %I TO croft_tenant', t);
    END LOOP;
END
$$;

-- What belongs to a tenant.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['quotas', 'memberships', 'tokens', 'vps', 'tasks', 'usage_hours']
    LOOP
        EXECUTE format('CREATE POLICY tenant_read ON %I FOR SELECT TO croft_tenant '
            'USING (tenant_id = croft_tenant_id())', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['usage_marks', 'usage_gaps']
    LOOP
        EXECUTE format('CREATE POLICY tenant_read ON %I FOR SELECT TO croft_tenant USING (EXISTS '
            '(SELECT FROM vps v WHERE v.id = vps_id AND v.tenant_id = croft_tenant_id()))', t);
    END LOOP;
END
$$;
-- A reseller sees the tenants below it and what they may use; of all else of theirs nothing, unless it acts as one of them.
CREATE POLICY tenant_read ON tenants FOR SELECT TO croft_tenant USING (id = croft_tenant_id() OR parent_id = croft_tenant_id());
CREATE POLICY reseller_read ON quotas FOR SELECT TO croft_tenant
    USING (tenant_id IN (SELECT t.id FROM tenants t WHERE t.parent_id = croft_tenant_id()));
CREATE POLICY tenant_read ON users FOR SELECT TO croft_tenant USING (id = croft_user_id());
GRANT SELECT ON tenants, quotas, memberships, vps, tasks, usage_hours, usage_marks, usage_gaps, events TO croft_tenant;

-- Operators see everything but secrets.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['tenants', 'quotas', 'users', 'memberships', 'tokens', 'events', 'plans', 'locations', 'images',
        'resources', 'nodes', 'node_status', 'node_certificates', 'join_tokens', 'node_orphans', 'pools', 'vps', 'id_ranges',
        'addresses', 'tasks', 'usage_hours', 'usage_marks', 'usage_gaps']
    LOOP
        EXECUTE format('CREATE POLICY operator_read ON %I FOR SELECT TO croft_operator USING (true)', t);
        IF t NOT IN ('users', 'tokens', 'join_tokens') THEN
            EXECUTE format('GRANT SELECT ON %I TO croft_operator', t);
        END IF;
    END LOOP;
END
$$;
GRANT SELECT (id, tenant_id, user_id, name, prefix, scopes, read_only, addresses, role, platform_role, created_at, expires_at, last_used_at,
    revoked_at)
    ON tokens TO croft_tenant, croft_operator;
GRANT SELECT (id, email, platform_role, state, created_at) ON users TO croft_tenant, croft_operator;
GRANT SELECT (id, location_id, expires_at, used_at, node_id, created_at) ON join_tokens TO croft_operator;

-- Rows of those three as far as they may be shown; the reader's own policies and column grants apply.
CREATE VIEW tokens_visible WITH (security_invoker = true) AS
    SELECT id, tenant_id, user_id, name, prefix, scopes, read_only, addresses, role, platform_role, created_at, expires_at, last_used_at
    FROM tokens WHERE revoked_at IS NULL;
CREATE VIEW users_visible WITH (security_invoker = true) AS
    SELECT id, email, created_at FROM users;
CREATE VIEW join_tokens_visible WITH (security_invoker = true) AS
    SELECT id, location_id, expires_at, used_at, node_id, created_at FROM join_tokens;
ALTER VIEW tokens_visible OWNER TO croft_owner;
ALTER VIEW users_visible OWNER TO croft_owner;
ALTER VIEW join_tokens_visible OWNER TO croft_owner;
GRANT SELECT ON tokens_visible TO croft_tenant, croft_operator, croft_definer;
GRANT SELECT ON users_visible, join_tokens_visible TO croft_operator, croft_definer;

-- Tokens that may read as their tenant: token_enter.sql asks here first, and croft_auth_token() only when this shows no row.
CREATE VIEW token_access AS
    SELECT token_hash, id AS token_id, user_id, tenant_id, entry_role AS role, scopes, addresses,
        last_used_at < now() - interval '1 minute' AS stale, ceil(least(extract(epoch FROM expires_at - now()), 2000000000))::int AS valid_s
    FROM tokens
    WHERE entry_role IS NOT NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());
ALTER VIEW token_access OWNER TO croft_owner;
GRANT SELECT ON token_access TO croft_server;

-- The hub, for one node.
CREATE POLICY agent_read ON vps FOR SELECT TO croft_agent USING (node_id = croft_node_id());
CREATE POLICY agent_read ON tasks FOR SELECT TO croft_agent USING (node_id = croft_node_id());
CREATE POLICY agent_read ON node_status FOR SELECT TO croft_agent USING (node_id = croft_node_id());
CREATE POLICY agent_read ON images FOR SELECT TO croft_agent USING (true);
GRANT SELECT ON vps, tasks, node_status, images TO croft_agent;

-- What an API statement returns (server/README.md).
CREATE TYPE croft_answer AS (status int, body text, etag text, location text);
ALTER TYPE croft_answer OWNER TO croft_owner;

INSERT INTO resources (name, title, preset) VALUES
    ('vps', 'vps', 0), ('running_vps', 'running vps', NULL), ('vcpus', 'vCPUs', 0), ('memory_bytes', 'bytes of memory', 0),
    ('disk_bytes', 'bytes of disk', 0), ('ipv4', 'IPv4 addresses', 0), ('ipv6', 'IPv6 addresses', 0),
    ('snapshots', 'snapshots', 0), ('backup_bytes', 'bytes of backups', 0);

INSERT INTO state_transitions (machine, from_state, to_state) VALUES
    ('tenants.state', 'active', 'suspended'), ('tenants.state', 'suspended', 'active'),
    ('tenants.state', 'active', 'closing'), ('tenants.state', 'suspended', 'closing'), ('tenants.state', 'closing', 'active'),
    ('tenants.state', 'closing', 'closed'),
    -- With the one above it.
    ('tenants.state', 'active', 'closed'), ('tenants.state', 'suspended', 'closed'),
    ('nodes.state', 'active', 'draining'), ('nodes.state', 'draining', 'active'),
    ('nodes.state', 'active', 'maintenance'), ('nodes.state', 'maintenance', 'active'),
    ('nodes.state', 'draining', 'maintenance'), ('nodes.state', 'maintenance', 'draining'),
    ('nodes.state', 'active', 'retired'), ('nodes.state', 'draining', 'retired'), ('nodes.state', 'maintenance', 'retired'),
    ('vps.desired', 'running', 'stopped'), ('vps.desired', 'stopped', 'running'),
    ('vps.desired', 'running', 'deleted'), ('vps.desired', 'stopped', 'deleted'),
    -- What a node observes is what it is: only staying put is not a move.
    ('vps.observed', 'absent', 'stopped'), ('vps.observed', 'absent', 'running'), ('vps.observed', 'absent', 'error'),
    ('vps.observed', 'stopped', 'absent'), ('vps.observed', 'stopped', 'running'), ('vps.observed', 'stopped', 'error'),
    ('vps.observed', 'running', 'absent'), ('vps.observed', 'running', 'stopped'), ('vps.observed', 'running', 'error'),
    ('vps.observed', 'error', 'absent'), ('vps.observed', 'error', 'stopped'), ('vps.observed', 'error', 'running'),
    ('tasks.status', 'queued', 'running'), ('tasks.status', 'queued', 'done'), ('tasks.status', 'queued', 'failed'),
    ('tasks.status', 'queued', 'cancelled'), ('tasks.status', 'running', 'done'), ('tasks.status', 'running', 'failed'),
    ('tasks.status', 'running', 'cancelled');

-- The root of the tenant tree, which may use everything there is and so has no quotas.
INSERT INTO tenants (id, kind, name, path)
    SELECT t.id, 'operator', 'operator', ARRAY[t.id] FROM (SELECT croft_uuid() AS id) t;
