-- Orders that give a vps another disk, or a vps another's: restore, reinstall, rescue, clone.

-- In rescue mode the own disk is mounted in the rescue system.
CREATE OR REPLACE FUNCTION croft_rescue_refuse(v vps) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF v.rescue_image_id IS NOT NULL THEN
        PERFORM croft_raise(409, 'conflict', 'The vps is in rescue mode: leave that first.');
    END IF;
END
$$;

-- Nothing but a snapshot that is ready and fits the disk as it is now can be gone back to.
CREATE OR REPLACE FUNCTION croft_snapshot_check(s snapshots, p_disk bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF s.state <> 'ready' THEN
        PERFORM croft_raise(409, 'conflict', format('The snapshot is %s.', s.state));
    ELSIF s.size_bytes > p_disk THEN
        PERFORM croft_raise(409, 'conflict', format('The snapshot holds %s, the disk has room for %s.',
            pg_size_pretty(s.size_bytes), pg_size_pretty(p_disk)));
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_snapshot_restore(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    s snapshots;
    v_old vps;
    v vps;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    SELECT * INTO s FROM snapshots WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id();
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('snapshot');
    END IF;
    v_old := croft_order_begin(jsonb_build_object('id', s.vps_id), 'restore');
    s := croft_snapshot_hold(p_req); -- again, behind the lock of its vps
    PERFORM croft_rescue_refuse(v_old);
    PERFORM croft_snapshot_check(s, v_old.disk_bytes);
    v := v_old;
    v.frozen := false;
    RETURN croft_idempotency_end(p_req, croft_order(v_old, v, 'vps_restore', 'vps.restored',
        jsonb_build_object('snapshot', s.id), croft_vps_before(v_old)));
END
$$;

-- The row shows the new image once the guest runs from it (croft_rebuilt).
CREATE OR REPLACE FUNCTION croft_vps_reinstall(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    v_old vps;
    v vps;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v_old := croft_order_begin(p_req, 'reinstall');
    PERFORM croft_rescue_refuse(v_old);
    v := v_old;
    v.image_id := (croft_vps_image((b->>'image_id')::uuid, v.disk_bytes)).id;
    v.ssh_keys := CASE jsonb_typeof(b->'ssh_keys') WHEN 'array' THEN b->'ssh_keys' ELSE v.ssh_keys END;
    v.frozen := false;
    RETURN croft_idempotency_end(p_req, croft_order(v_old, v, 'vps_reinstall', 'vps.reinstalled',
        jsonb_build_object('image_id', v.image_id), croft_vps_before(v_old)));
END
$$;

CREATE OR REPLACE FUNCTION croft_rebuilt(t tasks) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE vps SET image_id = (t.args->>'image_id')::uuid WHERE id = t.vps_id;
END
$$;

-- Without one that is named: the catalogue's image called rescue, else what the vps was made from.
CREATE OR REPLACE FUNCTION croft_rescue_image(v vps, p_image uuid) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
    RETURN (croft_vps_image(coalesce(p_image,
        (SELECT id FROM images WHERE name = 'rescue' AND tenant_id IS NULL AND active AND deleted_at IS NULL ORDER BY id DESC LIMIT 1),
        v.image_id), v.disk_bytes)).id;
END
$$;

-- p_enter: into the rescue mode, else out of it. Either boots the guest.
CREATE OR REPLACE FUNCTION croft_vps_rescue_switch(p_req jsonb, p_enter boolean) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    v_old vps;
    v vps;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v_old := croft_order_begin(p_req, 'rescue');
    v := v_old;
    IF p_enter THEN
        PERFORM croft_rescue_refuse(v_old);
        v.rescue_image_id := croft_rescue_image(v, (p_req->'body'->>'image_id')::uuid);
    ELSIF v.rescue_image_id IS NULL THEN
        PERFORM croft_raise(409, 'conflict', 'The vps is not in rescue mode.');
    ELSE
        v.rescue_image_id := NULL;
    END IF;
    v.desired := 'running';
    v.frozen := false;
    RETURN croft_idempotency_end(p_req, croft_order(v_old, v, 'vps_rescue',
        CASE WHEN p_enter THEN 'vps.rescued' ELSE 'vps.unrescued' END, NULL, croft_vps_before(v_old)));
END
$$;

CREATE OR REPLACE FUNCTION croft_vps_rescue(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_vps_rescue_switch(p_req, true)
$$;

CREATE OR REPLACE FUNCTION croft_vps_unrescue(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_vps_rescue_switch(p_req, false)
$$;

-- The source's own snapshot, ready; null: its disk as it is.
CREATE OR REPLACE FUNCTION croft_clone_snapshot(v_source vps, p_snapshot uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    s snapshots;
BEGIN
    IF p_snapshot IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT * INTO s FROM snapshots WHERE id = p_snapshot AND vps_id = v_source.id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise(422, 'invalid_value', 'The vps has no such snapshot.', '/snapshot_id');
    END IF;
    PERFORM croft_snapshot_check(s, v_source.disk_bytes);
    RETURN s.id;
END
$$;

-- The disk of a clone is as large as its source's, or larger.
CREATE OR REPLACE FUNCTION croft_clone_check(p_clone jsonb, p_disk bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_disk < (p_clone->>'disk_bytes')::bigint THEN
        PERFORM croft_raise(422, 'invalid_value', format('The disk of this plan has %s, that of the source %s.',
            pg_size_pretty(p_disk), pg_size_pretty((p_clone->>'disk_bytes')::bigint)), '/plan_id');
    END IF;
END
$$;

-- A create, with all its checks, on the source's node and from the source's disk.
CREATE OR REPLACE FUNCTION croft_vps_clone(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    v vps;
    v_snapshot uuid;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v := croft_order_begin(p_req, 'clone');
    v_snapshot := croft_clone_snapshot(v, (b->>'snapshot_id')::uuid);
    RETURN croft_vps_create(p_req || jsonb_build_object(
        'body', jsonb_build_object('plan_id', v.plan_id, 'ssh_keys', v.ssh_keys) || (b - 'snapshot_id')
            || jsonb_build_object('image_id', v.image_id, 'location_id', v.location_id),
        'clone', jsonb_build_object('node_id', v.node_id, 'disk_bytes', v.disk_bytes,
            'args', jsonb_strip_nulls(jsonb_build_object('source', v.id, 'snapshot', v_snapshot)))));
END
$$;
