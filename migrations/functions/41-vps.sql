-- What a tenant orders: each one function, one transaction, in the lock order of migrations/README.md.

CREATE OR REPLACE FUNCTION croft_accepted(t tasks, v vps) RETURNS croft_answer LANGUAGE sql STABLE AS $$
    SELECT (202, json_build_object('task', croft_task_json(t), 'vps', croft_vps_json(v))::text, croft_etag(v.version),
        '/v1/vps/' || v.id)::croft_answer
$$;

CREATE OR REPLACE FUNCTION croft_vps_plan(p_body jsonb) RETURNS plans_now LANGUAGE plpgsql STABLE AS $$
DECLARE
    p plans_now;
BEGIN
    SELECT * INTO p FROM plans_offered WHERE id = (p_body->>'plan_id')::uuid AND active;
    IF NOT FOUND THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such plan on offer.', '/plan_id');
    END IF;
    RETURN p;
END
$$;

-- Whether an image that is not public is for the tenant, or for those above it.
CREATE OR REPLACE FUNCTION croft_image_shown(p_image uuid) RETURNS boolean LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM image_tenants x JOIN tenants t ON t.id = croft_tenant_id() AND x.tenant_id = ANY (t.path)
        WHERE x.image_id = p_image);

-- An image that the tenant sees and that fits a disk; it stays until this transaction ends.
CREATE OR REPLACE FUNCTION croft_vps_image(p_image uuid, p_disk_bytes bigint) RETURNS images LANGUAGE plpgsql AS $$
DECLARE
    i images;
BEGIN
    SELECT * INTO i FROM images WHERE id = p_image AND active AND deleted_at IS NULL
        AND (public OR tenant_id = croft_tenant_id() OR croft_image_shown(id)) FOR KEY SHARE;
    IF NOT FOUND THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such image on offer.', '/image_id');
    ELSIF i.min_disk_bytes > p_disk_bytes THEN
        PERFORM croft_raise(422, 'invalid_value', format('This image needs a disk of %s, the plan has %s.',
            pg_size_pretty(i.min_disk_bytes), pg_size_pretty(p_disk_bytes)), '/image_id');
    END IF;
    RETURN i;
END
$$;

-- Plan, image and location of a create must be there, on offer, and fit each other.
CREATE OR REPLACE FUNCTION croft_vps_check(p_body jsonb, p plans_now) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_location uuid := (p_body->>'location_id')::uuid;
BEGIN
    PERFORM croft_vps_image((p_body->>'image_id')::uuid, p.disk_bytes);
    IF NOT EXISTS (SELECT FROM locations WHERE id = v_location) THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such location.', '/location_id');
    ELSIF v_location <> ALL (p.location_ids) THEN
        PERFORM croft_raise(422, 'invalid_value', 'This plan is not sold in that location.', '/location_id');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_vps_name_free(p_tenant uuid, p_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM vps WHERE tenant_id = p_tenant AND name = p_name AND deleted_at IS NULL) THEN
        PERFORM croft_raise(409, 'conflict', format('This tenant has a vps named %s.', p_name), '/name');
    END IF;
END
$$;

-- Says which unique index a vps met.
CREATE OR REPLACE FUNCTION croft_vps_taken(v vps, p_constraint text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_constraint = 'vps_name' THEN
        PERFORM croft_raise(409, 'conflict', format('This tenant has a vps named %s.', v.name), '/name');
    ELSIF p_constraint = 'vps_external_ref' THEN
        PERFORM croft_vps_ref_refuse(v.tenant_id, v.external_ref);
    END IF;
END
$$;

-- Quota, place, row, task, event, in that order.
CREATE OR REPLACE FUNCTION croft_vps_make(v vps, p plans_now) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    t tasks;
    v_constraint text;
BEGIN
    PERFORM croft_quota_move(v.tenant_id, array_agg(a.resource ORDER BY a.resource), array_agg(a.amount ORDER BY a.resource), 1)
        FROM croft_vps_amounts(v) a;
    -- Again under the quota's lock, which a create with the same name held until it was committed. A rename holds none, nor does a
    -- create of the operator's own tenant: those meet at the index.
    PERFORM croft_vps_name_free(v.tenant_id, v.name);
    v := croft_place(v, p);
    INSERT INTO vps (id, tenant_id, name, plan_id, plan_version, image_id, location_id, node_id, desired, vcpus, memory_bytes, swap_bytes,
        disk_bytes, pids, ipv4_count, ipv6_count, net_rate_bps, io_bps, iops, tun, fuse, nesting,
        slot, id_base, addresses, ssh_keys, hostname, user_data, labels, external_ref, protection, cloned_from, anti_affinity_group, anti_affinity)
    VALUES (v.id, v.tenant_id, v.name, v.plan_id, v.plan_version, v.image_id, v.location_id, v.node_id, v.desired, v.vcpus, v.memory_bytes,
        v.swap_bytes, v.disk_bytes, v.pids, v.ipv4_count, v.ipv6_count, p.net_rate_bps, p.io_bps, p.iops,
        p.tun, p.fuse, p.nesting, v.slot, v.id_base, v.addresses, v.ssh_keys, v.hostname, v.user_data,
        v.labels, v.external_ref, v.protection, v.cloned_from, v.anti_affinity_group, v.anti_affinity)
    RETURNING * INTO v;
    t := croft_task_add(v, CASE WHEN v.cloned_from IS NULL THEN 'vps_create' ELSE 'vps_clone' END,
        coalesce(v.cloned_from, jsonb_strip_nulls(jsonb_build_object('user_data', v.user_data))));
    UPDATE vps SET task_id = t.id WHERE id = v.id RETURNING * INTO v;
    PERFORM croft_changed('vps.created', v.tenant_id, 'vps', v.id, NULL, v.body::jsonb, jsonb_build_object('task_id', t.id));
    RETURN croft_accepted(t, v);
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS v_constraint = CONSTRAINT_NAME;
    PERFORM croft_vps_taken(v, v_constraint);
    RAISE;
END
$$;

CREATE OR REPLACE FUNCTION croft_vps_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_body jsonb := p_req->'body';
    a croft_answer;
    p plans_now;
    v vps;
BEGIN
    IF croft_is_dry(p_req) THEN
        RETURN croft_dry_run('croft_vps_create', p_req);
    END IF;
    a := croft_idempotency_begin(p_req);
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v.id := croft_uuid();
    v.tenant_id := croft_tenant_id();
    PERFORM croft_tenant_hold(v.tenant_id);
    -- First, so that a billing module that asks again learns of what it has, whatever else stands against a second one.
    v.external_ref := v_body->>'external_ref';
    PERFORM croft_vps_ref_free(v.tenant_id, v.external_ref);
    PERFORM croft_prepaid_check(v.tenant_id);
    p := croft_vps_plan(v_body);
    IF p_req ? 'clone' THEN -- put there by croft_vps_clone()
        PERFORM croft_clone_check(p_req->'clone', p.disk_bytes);
        v.node_id := (p_req->'clone'->>'node_id')::uuid;
        v.cloned_from := p_req->'clone'->'args';
    ELSE
        PERFORM croft_vps_check(v_body, p);
    END IF;
    v.name := v_body->>'name';
    PERFORM croft_vps_name_free(v.tenant_id, v.name);
    v.hostname := coalesce(v_body->>'hostname', v.name);
    v.user_data := v_body->>'user_data';
    v.plan_id := p.id;
    v.plan_version := p.number;
    v.image_id := (v_body->>'image_id')::uuid;
    v.location_id := (v_body->>'location_id')::uuid;
    v.desired := CASE WHEN coalesce((v_body->>'start')::boolean, true) THEN 'running' ELSE 'stopped' END;
    v.vcpus := p.vcpus;
    v.memory_bytes := p.memory_bytes;
    v.swap_bytes := p.swap_bytes;
    v.disk_bytes := p.disk_bytes;
    v.pids := p.pids;
    v.ipv4_count := p.ipv4_count;
    v.ipv6_count := p.ipv6_count;
    v.labels := coalesce(v_body->'labels', '{}');
    v.protection := coalesce((v_body->>'protection')::boolean, false);
    v.anti_affinity_group := v_body->>'anti_affinity_group';
    v.anti_affinity := CASE WHEN v.anti_affinity_group IS NOT NULL THEN coalesce(v_body->>'anti_affinity', 'soft') END;
    v.ssh_keys := CASE jsonb_typeof(v_body->'ssh_keys') WHEN 'array' THEN v_body->'ssh_keys' ELSE '[]' END;
    RETURN croft_idempotency_end(p_req, croft_vps_make(v, p));
END
$$;

-- The tenant's own vps, locked; a missing one and another tenant's look alike.
CREATE OR REPLACE FUNCTION croft_vps_hold(p_req jsonb) RETURNS vps LANGUAGE plpgsql AS $$
DECLARE
    v vps;
BEGIN
    SELECT * INTO v FROM vps WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id() AND deleted_at IS NULL
        FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('vps');
    END IF;
    RETURN v;
END
$$;

-- What a PATCH may change.
CREATE OR REPLACE FUNCTION croft_vps_described(v vps) RETURNS jsonb LANGUAGE sql IMMUTABLE
    RETURN jsonb_build_object('name', v.name, 'labels', v.labels, 'external_ref', v.external_ref, 'protection', v.protection);

CREATE OR REPLACE FUNCTION croft_vps_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    v vps := croft_vps_hold(p_req);
    o vps := v;
    v_before jsonb := v.body;
    v_constraint text;
BEGIN
    PERFORM croft_check_match(p_req, v.version);
    v.name := coalesce(b->>'name', v.name);
    v.labels := coalesce(b->'labels', v.labels);
    v.external_ref := CASE WHEN b ? 'external_ref' THEN b->>'external_ref' ELSE v.external_ref END;
    v.protection := coalesce((b->>'protection')::boolean, v.protection);
    IF croft_vps_described(v) <> croft_vps_described(o) THEN
        UPDATE vps SET name = v.name, labels = v.labels, external_ref = v.external_ref, protection = v.protection
            WHERE id = v.id RETURNING * INTO v;
        PERFORM croft_changed('vps.updated', v.tenant_id, 'vps', v.id, v_before, v.body::jsonb);
    END IF;
    RETURN (200, croft_vps_json(v)::text, croft_etag(v.version), NULL)::croft_answer;
EXCEPTION
    WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS v_constraint = CONSTRAINT_NAME;
        PERFORM croft_vps_taken(v, v_constraint);
        RAISE;
    WHEN deadlock_detected THEN -- two that swap their names or references wait for each other at the index
        PERFORM croft_raise(409, 'conflict', 'Another change was in the way: try again.');
END
$$;
