-- Images of tenants: a vps is published as a private image. The vps is locked before its image, that before quota rows.

CREATE OR REPLACE TRIGGER check_state BEFORE UPDATE ON images FOR EACH ROW
    WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION croft_check_transition('state');

-- The most that an image may have: the disk, or what the quotas above leave. An upper bound is taken, since how small it packs shows
-- only at the end, and nothing that is made may exceed what was promised.
CREATE OR REPLACE FUNCTION croft_image_room(v vps) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_path uuid[] := (SELECT path[2:] FROM tenants WHERE id = v.tenant_id);
BEGIN
    PERFORM croft_quota_lock(v_path, '{image_bytes}');
    RETURN least(v.disk_bytes, (SELECT min(q.effective - q.used) FROM quotas q
        WHERE q.tenant_id = ANY (v_path) AND q.resource = 'image_bytes'));
END
$$;

CREATE OR REPLACE FUNCTION croft_image_accepted(t tasks, v vps, i images) RETURNS croft_answer LANGUAGE sql STABLE AS $$
    SELECT (202, json_build_object('task', croft_task_json(t), 'vps', croft_vps_json(v), 'image', croft_image_json(i))::text,
        croft_etag(i.version), '/v1/images/' || i.id)::croft_answer
$$;

CREATE OR REPLACE FUNCTION croft_image_add(v vps, b jsonb) RETURNS images LANGUAGE plpgsql AS $$
DECLARE
    v_bytes bigint := croft_image_room(v);
    i images;
BEGIN
    -- Less than a mebibyte holds no system: that is what is then asked for, and refused.
    v_bytes := greatest(v_bytes, 1048576);
    PERFORM croft_quota_move(v.tenant_id, '{image_bytes}', ARRAY[v_bytes], 1);
    INSERT INTO images (tenant_id, name, title, os, arch, state, active, public, vps_id, held_bytes)
    SELECT v.tenant_id, b->>'name', coalesce(b->>'title', b->>'name'), x.os, x.arch, 'creating', false, false, v.id, v_bytes
    FROM images x WHERE x.id = v.image_id
    ON CONFLICT DO NOTHING RETURNING * INTO i;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'This tenant has an image with this name.', '/name');
    END IF;
    RETURN i;
END
$$;

CREATE OR REPLACE FUNCTION croft_vps_publish(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    v vps;
    i images;
    t tasks;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v := croft_order_begin(p_req, 'publish');
    i := croft_image_add(v, p_req->'body');
    t := croft_task_add(v, 'vps_publish', jsonb_build_object('image', i.id, 'max_bytes', i.held_bytes));
    UPDATE images SET task_id = t.id WHERE id = i.id RETURNING * INTO i;
    PERFORM croft_changed('image.created', v.tenant_id, 'image', i.id, NULL, to_jsonb(croft_image_json(i)),
        jsonb_build_object('task_id', t.id));
    RETURN croft_idempotency_end(p_req, croft_image_accepted(t, v, i));
END
$$;

-- What an image that was ordered on the node may still become: no row, nothing may be uploaded.
CREATE OR REPLACE FUNCTION croft_image_upload(p_image uuid)
RETURNS TABLE (tenant_id uuid, max_bytes bigint, sha256 text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.tenant_id, i.held_bytes, i.sha256
    FROM images i JOIN tasks t ON t.id = i.task_id
    WHERE i.id = p_image AND i.state = 'creating' AND t.node_id = croft_node_id() AND t.ended_at IS NULL
$$;

-- All of it is here: what it is and that we say so. The end of its task makes it usable.
CREATE OR REPLACE FUNCTION croft_image_seal(p_image uuid, p_sha256 text, p_size bigint, p_signature text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    i images;
BEGIN
    SELECT x.* INTO i FROM images x JOIN tasks t ON t.id = x.task_id
    WHERE x.id = p_image AND x.state = 'creating' AND x.held_bytes >= p_size AND t.node_id = croft_node_id() AND t.ended_at IS NULL
    FOR NO KEY UPDATE OF x;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF i.sha256 IS DISTINCT FROM p_sha256 THEN
        UPDATE images SET sha256 = p_sha256, size = p_size, signature = p_signature WHERE id = i.id;
        PERFORM croft_changed('image.uploaded', i.tenant_id, 'image', i.id, NULL,
            jsonb_build_object('sha256', p_sha256, 'size', p_size));
    END IF;
    RETURN true;
END
$$;

-- What the end of its task is for an image. The vps is locked.
CREATE OR REPLACE FUNCTION croft_image_ended(t tasks) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    i images;
    v_before jsonb;
    v_made boolean;
BEGIN
    SELECT * INTO i FROM images WHERE id = (t.args->>'image')::uuid AND state = 'creating' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    v_before := to_jsonb(croft_image_json(i));
    v_made := t.status = 'done' AND i.sha256 IS NOT NULL;
    PERFORM croft_quota_move(i.tenant_id, '{image_bytes}', ARRAY[i.held_bytes - CASE WHEN v_made THEN i.size ELSE 0 END], -1);
    UPDATE images SET task_id = NULL, state = CASE WHEN v_made THEN 'ready' ELSE 'failed' END, active = v_made,
        held_bytes = CASE WHEN v_made THEN size ELSE 0 END,
        error = CASE WHEN NOT v_made
            THEN coalesce(t.error, jsonb_build_object('code', 'internal', 'detail', 'The node sent no image.')) END
    WHERE id = i.id RETURNING * INTO i;
    PERFORM croft_changed(CASE WHEN v_made THEN 'image.published' ELSE 'image.failed' END, i.tenant_id, 'image', i.id, v_before,
        to_jsonb(croft_image_json(i)));
END
$$;

-- Takes a locked image away; its file goes later (image_files.sql).
CREATE OR REPLACE FUNCTION croft_image_remove(i images) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF i.state = 'creating' THEN
        PERFORM croft_raise(409, 'conflict', 'The image is being made.');
    ELSIF EXISTS (SELECT FROM vps WHERE image_id = i.id AND deleted_at IS NULL) THEN
        PERFORM croft_raise(409, 'conflict', 'A vps was made from this image and may need it again.');
    ELSIF EXISTS (SELECT FROM vps WHERE rescue_image_id = i.id AND deleted_at IS NULL) THEN
        PERFORM croft_raise(409, 'conflict', 'A vps is in rescue mode with this image.');
    END IF;
    PERFORM croft_quota_move(i.tenant_id, '{image_bytes}', ARRAY[i.held_bytes], -1) WHERE i.held_bytes > 0;
    UPDATE images SET deleted_at = now(), active = false, held_bytes = 0 WHERE id = i.id;
    PERFORM croft_changed('image.deleted', i.tenant_id, 'image', i.id, to_jsonb(croft_image_json(i)), NULL);
END
$$;

-- The row lock keeps creates away: they hold the image FOR KEY SHARE from their check on.
CREATE OR REPLACE FUNCTION croft_image_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    i images;
BEGIN
    SELECT * INTO i FROM images WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id() AND deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('image');
    END IF;
    PERFORM croft_image_remove(i);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

-- The images of a tenant that is closed: nothing was made from them that is still there.
CREATE OR REPLACE FUNCTION croft_images_gone(p_tenant uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    i images;
BEGIN
    FOR i IN SELECT * FROM images WHERE tenant_id = p_tenant AND deleted_at IS NULL AND state <> 'creating' ORDER BY id FOR UPDATE LOOP
        PERFORM croft_image_remove(i);
    END LOOP;
END
$$;

-- Of files in a server's folder of images those that nothing needs any more: {"images":[sha256…],"uploads":[image id…]} → the names
-- to remove. A file that no row names is of somebody who is about to make one.
CREATE OR REPLACE FUNCTION croft_image_files(p_found jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT jsonb_build_object(
        'images', (SELECT coalesce(jsonb_agg(f), '[]') FROM jsonb_array_elements_text(p_found->'images') f
            WHERE EXISTS (SELECT FROM images i WHERE i.sha256 = f)
                AND NOT EXISTS (SELECT FROM images i WHERE i.sha256 = f AND i.deleted_at IS NULL AND i.state <> 'failed')),
        'uploads', (SELECT coalesce(jsonb_agg(f), '[]') FROM jsonb_array_elements_text(p_found->'uploads') f
            WHERE NOT EXISTS (SELECT FROM images i WHERE i.id::text = f AND i.state = 'creating')))
$$;
