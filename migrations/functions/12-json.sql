-- Rows as the API shows them (docs/api.md, Shapes). Each is one expression over one row where that can be, so that the
-- planner inlines it into the statement.

CREATE OR REPLACE FUNCTION croft_location_json(l locations) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', l.id, 'name', l.name, 'title', l.title, 'placement', l.placement);

-- Of plans_now and, cast to it, of plans_offered.
CREATE OR REPLACE FUNCTION croft_plan_json(p plans_now) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', p.id, 'name', p.name, 'title', p.title, 'number', p.number, 'valid_from', p.valid_from,
        'vcpus', p.vcpus, 'memory_bytes', p.memory_bytes, 'swap_bytes', p.swap_bytes, 'disk_bytes', p.disk_bytes, 'pids', p.pids,
        'traffic_bytes', p.traffic_bytes, 'ipv4_count', p.ipv4_count, 'ipv6_count', p.ipv6_count,
        'net_rate_bps', p.net_rate_bps, 'io_bps', p.io_bps, 'iops', p.iops, 'tun', p.tun, 'fuse', p.fuse,
        'nesting', p.nesting, 'delete_hold_s', p.delete_hold_s,
        'price_month', p.price_month::text, 'price_hour', p.price_hour::text, 'currency', p.currency,
        'location_ids', p.location_ids, 'node_tags', p.node_tags, 'private_ipv4', p.private_ipv4, 'public', p.public, 'active', p.active, 'next', p.next);

-- What holds of a plan changes with the time, too, which is no reason to refuse a change.
CREATE OR REPLACE FUNCTION croft_plan_etag(p plans_now) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('"%s.%s"', p.version, left(md5(croft_plan_json(p)::text), 12))
$$;

CREATE OR REPLACE FUNCTION croft_plan_version_json(v plan_versions) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', v.id, 'plan_id', v.plan_id, 'number', v.number, 'valid_from', v.valid_from, 'vcpus', v.vcpus,
        'memory_bytes', v.memory_bytes, 'swap_bytes', v.swap_bytes, 'disk_bytes', v.disk_bytes, 'pids', v.pids,
        'traffic_bytes', v.traffic_bytes, 'ipv4_count', v.ipv4_count, 'ipv6_count', v.ipv6_count,
        'net_rate_bps', v.net_rate_bps, 'io_bps', v.io_bps, 'iops', v.iops, 'tun', v.tun, 'fuse', v.fuse,
        'nesting', v.nesting, 'delete_hold_s', v.delete_hold_s,
        'price_month', v.price_month::text, 'price_hour', v.price_hour::text, 'currency', v.currency, 'created_at', v.created_at);

CREATE OR REPLACE FUNCTION croft_plan_offer_json(o plan_offers) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('plan_id', o.plan_id, 'price_month', o.price_month::text, 'price_hour', o.price_hour::text,
        'currency', o.currency, 'active', o.active, 'created_at', o.created_at, 'updated_at', o.updated_at);

CREATE OR REPLACE FUNCTION croft_image_json(i images) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', i.id, 'name', i.name, 'title', i.title, 'os', i.os, 'arch', i.arch, 'sha256', i.sha256,
        'size', i.size, 'min_disk_bytes', i.min_disk_bytes, 'public', i.public, 'active', i.active, 'tenant_id', i.tenant_id,
        'state', i.state, 'vps_id', i.vps_id, 'task_id', i.task_id, 'error', i.error,
        'labels', i.labels, 'created_at', i.created_at);

-- For the trigger render alone; whoever reads takes v.body.
CREATE OR REPLACE FUNCTION croft_vps_render(v vps) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', v.id, 'name', v.name, 'tenant_id', v.tenant_id, 'plan_id', v.plan_id,
        'plan_version', v.plan_version, 'image_id', v.image_id, 'location_id', v.location_id, 'node_id', v.node_id, 'desired', v.desired,
        'suspended', v.suspended, 'suspend_reason', v.suspend_reason, 'traffic_rate_bps', v.traffic_rate_bps, 'observed', v.observed, 'generation', v.generation, 'observed_generation', v.observed_generation,
        'vcpus', v.vcpus, 'memory_bytes', v.memory_bytes, 'swap_bytes', v.swap_bytes, 'disk_bytes', v.disk_bytes,
        'net_rate_bps', v.net_rate_bps, 'io_bps', v.io_bps, 'iops', v.iops,
        'tun', v.tun, 'fuse', v.fuse, 'nesting', v.nesting, 'hostname', v.hostname, 'frozen', v.frozen, 'rescue_image_id', v.rescue_image_id,
        'delete_after', v.delete_after, 'addresses', v.addresses, 'ssh_keys', v.ssh_keys,
        'labels', v.labels, 'external_ref', v.external_ref, 'protection', v.protection, 'anti_affinity_group', v.anti_affinity_group,
        'anti_affinity', v.anti_affinity, 'lost_at', v.lost_at, 'error', v.error, 'task_id', v.task_id,
        'created_at', v.created_at, 'updated_at', v.updated_at);

CREATE OR REPLACE FUNCTION croft_vps_json(v vps) RETURNS json LANGUAGE sql STABLE
    RETURN v.body::json;

-- Title and HTTP status of the slugs with which a task can fail (common/err.c).
CREATE OR REPLACE FUNCTION croft_problem_json(p_error jsonb) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('type', 'about:blank', 'title', coalesce(k.title, 'Internal error'),
        'status', coalesce(k.status, 500), 'detail', p_error->>'detail', 'code', p_error->>'code')
    FROM (SELECT) one
    LEFT JOIN (VALUES
        ('invalid_value', 422, 'Invalid value'), ('not_found', 404, 'Not found'), ('conflict', 409, 'Conflict'),
        ('unavailable', 503, 'Unavailable'), ('timeout', 504, 'Timed out'), ('no_capacity', 409, 'No capacity'),
        ('node_unreachable', 504, 'Node unreachable'), ('image_invalid', 422, 'Image not usable'),
        ('disk_full', 507, 'Disk full'), ('system_error', 500, 'System error'),
        ('protocol_error', 400, 'Protocol error'), ('cancelled', 409, 'Cancelled'), ('vps_lost', 409, 'Lost with its node')
    ) k (code, status, title) ON k.code = p_error->>'code'
    WHERE p_error IS NOT NULL
$$;

CREATE OR REPLACE FUNCTION croft_task_json(t tasks) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', t.id, 'kind', t.kind, 'status', t.status, 'progress', t.progress, 'step', t.step,
        'tenant_id', t.tenant_id, 'vps_id', t.vps_id, 'node_id', t.node_id,
        'error', CASE WHEN t.error IS NOT NULL THEN croft_problem_json(t.error) END,
        'created_at', t.created_at, 'started_at', t.started_at, 'ended_at', t.ended_at);

CREATE OR REPLACE FUNCTION croft_tenant_json(t tenants) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', t.id, 'parent_id', t.parent_id, 'name', t.name, 'kind', t.kind, 'state', t.state,
        'effective_state', t.effective_state, 'suspended_reason', t.suspended_reason, 'suspended_at', t.suspended_at,
        'suspended_by', t.suspended_by, 'suspend_policy', t.suspend_policy, 'grace_until', t.grace_until, 'closed_at', t.closed_at,
        'labels', t.labels, 'external_ref', t.external_ref, 'created_at', t.created_at, 'updated_at', t.updated_at);

-- What one vps that is not gone holds of each resource; zero amounts are left out.
CREATE OR REPLACE FUNCTION croft_vps_amounts(v vps) RETURNS TABLE (resource text, amount bigint) LANGUAGE sql IMMUTABLE AS $$
    SELECT * FROM (VALUES ('vps', 1::bigint), ('running_vps', (v.desired = 'running')::int::bigint), ('vcpus', v.vcpus::bigint),
        ('memory_bytes', v.memory_bytes), ('disk_bytes', v.disk_bytes), ('ipv4', v.ipv4_count::bigint),
        ('ipv6', v.ipv6_count::bigint)) a (resource, amount)
    WHERE a.amount > 0
$$;

-- The root has no quota rows (30-quota.sql): what its children use, so far as the reader sees them, and what it has itself.
CREATE OR REPLACE FUNCTION croft_root_used(p_root uuid, p_resource text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT sum(q.used) FROM tenants c JOIN quotas q ON q.tenant_id = c.id
            WHERE c.parent_id = p_root AND q.resource = p_resource), 0)
        + coalesce((SELECT sum(a.amount) FROM vps v, croft_vps_amounts(v) a
            WHERE v.tenant_id = p_root AND v.deleted_at IS NULL AND v.lost_at IS NULL AND a.resource = p_resource), 0)
        + (SELECT count(*) FROM snapshots s WHERE s.tenant_id = p_root AND p_resource = 'snapshots')
        + coalesce((SELECT sum(i.held_bytes) FROM images i WHERE i.tenant_id = p_root AND p_resource = 'image_bytes'), 0)::bigint
$$;

CREATE OR REPLACE FUNCTION croft_quotas_json(p_tenant uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('items', coalesce(
        json_agg(json_build_object('resource', q.resource, 'limit', q.effective, 'used', q.used, 'ceiling', q.ceiling,
            'override', q.overridden, 'override_reason', q.override_reason) ORDER BY q.resource), '[]'))
    FROM (
        SELECT q.resource, q.effective, q.used, q.ceiling, q.overridden, q.override_reason FROM quotas q WHERE q.tenant_id = p_tenant
        UNION ALL
        SELECT r.name, NULL, croft_root_used(t.id, r.name), NULL, false, NULL FROM tenants t, resources r
        WHERE t.id = p_tenant AND t.kind = 'operator'
    ) q
$$;

-- As far as the reader may see it.
CREATE OR REPLACE FUNCTION croft_has_totp(p_user uuid) RETURNS boolean LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM totp_secrets t WHERE t.user_id = p_user AND t.confirmed_at IS NOT NULL);

CREATE OR REPLACE FUNCTION croft_user_json(u users_visible) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', u.id, 'email', u.email, 'name', u.name, 'state', u.state, 'totp_enabled', croft_has_totp(u.id),
        'memberships', (
            SELECT coalesce(json_agg(json_build_object('tenant_id', m.tenant_id, 'role', m.role) ORDER BY m.tenant_id), '[]')
            FROM memberships m WHERE m.user_id = u.id),
        'created_at', u.created_at)
$$;

-- What of a node may be promised: what it has but for the reserve, overcommitted. Numeric, since a percentage of 2^60 is past a
-- bigint.
CREATE OR REPLACE FUNCTION croft_sellable(p_capacity bigint, p_reserve bigint, p_percent int) RETURNS numeric LANGUAGE sql IMMUTABLE
    RETURN floor(greatest(p_capacity - p_reserve, 0)::numeric * p_percent / 100);

-- In one word (docs/nodes.md): what an operator decided, unless it does not answer.
CREATE OR REPLACE FUNCTION croft_node_condition(p_state text, p_online boolean, p_last_seen_at timestamptz) RETURNS text
LANGUAGE sql STABLE
    RETURN CASE WHEN p_state = 'retired' THEN 'retired'
        WHEN NOT p_online OR p_last_seen_at IS NULL OR p_last_seen_at <= now() - interval '30 seconds' THEN 'unreachable'
        WHEN p_state = 'active' THEN 'online' ELSE p_state END;

CREATE OR REPLACE FUNCTION croft_node_json(n nodes) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', n.id, 'name', n.name, 'location_id', n.location_id, 'state', n.state,
        'status', croft_node_condition(n.state, s.online, s.last_seen_at),
        'online', s.online AND s.last_seen_at > now() - interval '30 seconds', 'last_seen_at', s.last_seen_at,
        'epoch', s.epoch, 'agent_version', s.agent_version, 'kernel', s.kernel, 'features', s.features,
        'warnings', s.warnings, 'alarms', (SELECT coalesce(json_agg(json_build_object('code', a.key, 'detail', a.value->>'detail',
            'since', a.value->>'since') ORDER BY a.key), '[]') FROM jsonb_each(s.alarms) a),
        'tags', n.tags, 'dedicated', n.dedicated, 'forward_first', n.forward_first, 'forward_last', n.forward_last,
        'high_water_percent', n.high_water_percent, 'line_rate_mbit', n.line_rate_mbit,
        'pool_bytes', s.pool_bytes, 'disk_free_bytes', s.disk_free_bytes, 'memory_free_bytes', s.memory_free_bytes, 'load_milli', s.load_milli,
        'capacity', json_build_object('vcpus', n.capacity_vcpus, 'memory_bytes', n.capacity_memory_bytes,
            'disk_bytes', n.capacity_disk_bytes),
        'used', json_build_object('vcpus', n.used_vcpus, 'memory_bytes', n.used_memory_bytes,
            'disk_bytes', n.used_disk_bytes, 'vps', n.used_vps),
        'reserve', json_build_object('vcpus', n.reserve_vcpus, 'memory_bytes', n.reserve_memory_bytes,
            'disk_bytes', n.reserve_disk_bytes),
        'sellable', json_build_object(
            'vcpus', croft_sellable(n.capacity_vcpus, n.reserve_vcpus, n.overcommit_vcpu_percent),
            'memory_bytes', croft_sellable(n.capacity_memory_bytes, n.reserve_memory_bytes, n.overcommit_memory_percent),
            'disk_bytes', croft_sellable(n.capacity_disk_bytes, n.reserve_disk_bytes, n.overcommit_disk_percent)),
        'overcommit_vcpu_percent', n.overcommit_vcpu_percent, 'overcommit_memory_percent', n.overcommit_memory_percent,
        'overcommit_disk_percent', n.overcommit_disk_percent,
        'certificate_expires_at', (SELECT max(c.not_after) FROM node_certificates c
            WHERE c.node_id = n.id AND c.revoked_at IS NULL),
        'created_at', n.created_at)
    FROM node_status s WHERE s.node_id = n.id
$$;

CREATE OR REPLACE FUNCTION croft_node_etag(n nodes) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('"%s.%s"', n.version, left(md5(croft_node_json(n)::text), 12))
$$;

CREATE OR REPLACE FUNCTION croft_orphan_json(o node_orphans) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('vps_id', o.vps_id, 'node_id', o.node_id, 'observed', o.observed, 'generation', o.generation,
        'lost', EXISTS (SELECT FROM vps v WHERE v.id = o.vps_id AND v.node_id = o.node_id AND v.lost_at IS NOT NULL),
        'adoptable', o.slot IS NOT NULL, 'first_seen_at', o.first_seen_at, 'last_seen_at', o.last_seen_at);

CREATE OR REPLACE FUNCTION croft_drift_json(d node_drift) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('kind', d.kind, 'name', d.name, 'detail', d.detail, 'first_seen_at', d.first_seen_at,
        'last_seen_at', d.last_seen_at, 'clean_ordered_at', d.clean_ordered_at, 'error', d.error);

CREATE OR REPLACE FUNCTION croft_join_token_json(j join_tokens_visible) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', j.id, 'location_id', j.location_id, 'expires_at', j.expires_at, 'used_at', j.used_at,
        'node_id', j.node_id, 'created_at', j.created_at);

-- The size of an IPv6 pool does not fit the numbers of every JSON reader, so it is a string.
CREATE OR REPLACE FUNCTION croft_pool_json(p pools) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', p.id, 'name', p.name, 'location_id', p.location_id, 'node_id', p.node_id,
        'family', p.family, 'cidr', p.cidr::text, 'kind', p.kind, 'quarantine_s', p.quarantine_s,
        'size', CASE p.family WHEN 4 THEN to_json(p.size) ELSE to_json(p.size::text) END, 'used', p.used);

CREATE OR REPLACE FUNCTION croft_impersonator_json(s sessions_visible) RETURNS json LANGUAGE sql STABLE
    RETURN CASE WHEN s.impersonator_id IS NOT NULL THEN json_build_object('id', s.impersonator_id, 'email', s.impersonator_email,
        'reason', s.reason, 'expires_at', s.expires_at) END;

-- Who is signed in, as the transaction's context and the reader's own rows say.
CREATE OR REPLACE FUNCTION croft_principal_json() RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'kind', CASE WHEN croft_setting('token') IS NULL THEN 'session' ELSE 'token' END,
        'user', (SELECT json_build_object('id', u.id, 'email', u.email) FROM users u WHERE u.id = croft_user_id()),
        'tenant', (SELECT json_build_object('id', t.id, 'name', t.name, 'kind', t.kind) FROM tenants t WHERE t.id = croft_tenant_id()),
        'role', croft_setting('role'),
        'scopes', coalesce((SELECT to_json(k.scopes) FROM tokens k WHERE k.id = croft_setting('token')::uuid
            AND k.tenant_id = croft_tenant_id()), '["read","write"]'),
        'platform_role', CASE WHEN croft_setting('token') IS NULL
            THEN (SELECT u.platform_role FROM users u WHERE u.id = croft_user_id())
            ELSE (SELECT k.platform_role FROM tokens k WHERE k.id = croft_setting('token')::uuid) END,
        'impersonator', (SELECT croft_impersonator_json(s) FROM sessions_visible s WHERE s.id = croft_setting('session')::uuid))
$$;

-- One thing that counts against a quota.
CREATE OR REPLACE FUNCTION croft_holder_json(h croft_holder) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('type', h.type, 'id', h.id, 'name', h.name, 'amount', h.amount);

-- A page of what holds a resource of a tenant: its vps, and the tenants right below it. What else comes to hold something is added
-- here and in croft_verify_quotas(). With the reader's rights: an operator's, or those of the tenant.
CREATE OR REPLACE FUNCTION croft_holders(p_tenant uuid, p_resource text, p_after uuid, p_count int) RETURNS SETOF croft_holder
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT h.* FROM (
        (SELECT 'vps'::text, v.id, v.name, a.amount FROM vps v, croft_vps_amounts(v) a
            WHERE v.tenant_id = p_tenant AND v.deleted_at IS NULL AND v.lost_at IS NULL AND v.id > p_after AND a.resource = p_resource
            ORDER BY v.id LIMIT p_count)
        UNION ALL
        (SELECT 'tenant', t.id, t.name, q.used FROM tenants t JOIN quotas q ON q.tenant_id = t.id
            WHERE t.parent_id = p_tenant AND t.id > p_after AND q.resource = p_resource AND q.used > 0
            ORDER BY t.id LIMIT p_count)
        UNION ALL
        (SELECT 'snapshot', s.id, s.name, 1 FROM snapshots s
            WHERE s.tenant_id = p_tenant AND s.id > p_after AND p_resource = 'snapshots'
            ORDER BY s.id LIMIT p_count)
        UNION ALL
        (SELECT 'image', i.id, i.name, i.held_bytes FROM images i
            WHERE i.tenant_id = p_tenant AND i.id > p_after AND p_resource = 'image_bytes' AND i.held_bytes > 0
            ORDER BY i.id LIMIT p_count)
    ) h (type, id, name, amount) ORDER BY h.id LIMIT p_count;
END
$$;
