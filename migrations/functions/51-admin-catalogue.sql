-- What an operator offers: locations, images; plans are in 53-plans.sql.

CREATE OR REPLACE FUNCTION croft_admin_location_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    l locations;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    INSERT INTO locations (name, title, placement)
        VALUES (b->>'name', coalesce(b->>'title', b->>'name'), coalesce(b->>'placement', 'spread'))
        ON CONFLICT (name) DO NOTHING RETURNING * INTO l;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'There is a location with this name.', '/name');
    END IF;
    PERFORM croft_changed('location.created', NULL, 'location', l.id, NULL, to_jsonb(croft_location_json(l)));
    a := (201, croft_location_json(l)::text, croft_etag(l.version), '/v1/locations/' || l.id);
    RETURN croft_idempotency_end(p_req, a);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_location_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    l locations;
    v_before jsonb;
BEGIN
    SELECT * INTO l FROM locations WHERE id = (p_req->>'id')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('location');
    END IF;
    PERFORM croft_check_match(p_req, l.version);
    v_before := croft_location_json(l);
    UPDATE locations SET title = coalesce(b->>'title', title), placement = coalesce(b->>'placement', placement)
        WHERE id = l.id RETURNING * INTO l;
    PERFORM croft_changed('location.updated', NULL, 'location', l.id, v_before, to_jsonb(croft_location_json(l)));
    RETURN (200, croft_location_json(l)::text, croft_etag(l.version), NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_image_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    i images;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    IF b->>'sha256' !~ '^[0-9a-f]{64}$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'A SHA-256 is 64 lower-case hex digits.', '/sha256');
    ELSIF b->>'signature' !~ '^[0-9a-f]{128}$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'An Ed25519 signature is 128 lower-case hex digits.', '/signature');
    END IF;
    INSERT INTO images (name, title, os, arch, sha256, size, signature, min_disk_bytes, labels, public)
    VALUES (b->>'name', coalesce(b->>'title', b->>'name'), b->>'os', b->>'arch', b->>'sha256', (b->>'size')::bigint,
        b->>'signature', coalesce((b->>'min_disk_bytes')::bigint, 0), coalesce(b->'labels', '{}'),
        coalesce((b->>'public')::boolean, true))
    ON CONFLICT DO NOTHING RETURNING * INTO i;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'There is an image with this name or SHA-256.', CASE WHEN EXISTS
            (SELECT FROM images WHERE name = b->>'name' AND tenant_id IS NULL AND deleted_at IS NULL) THEN '/name' ELSE '/sha256' END);
    END IF;
    PERFORM croft_changed('image.created', NULL, 'image', i.id, NULL, to_jsonb(croft_image_json(i)));
    a := (201, croft_image_json(i)::text, croft_etag(i.version), '/v1/admin/images/' || i.id);
    RETURN croft_idempotency_end(p_req, a);
END
$$;

CREATE OR REPLACE FUNCTION croft_image_hold(p_req jsonb) RETURNS images LANGUAGE plpgsql AS $$
DECLARE
    i images;
BEGIN
    SELECT * INTO i FROM images WHERE id = (p_req->>'id')::uuid AND deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('image');
    END IF;
    RETURN i;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_image_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    i images := croft_image_hold(p_req);
    v_before jsonb := to_jsonb(croft_image_json(i));
BEGIN
    PERFORM croft_check_match(p_req, i.version);
    IF i.tenant_id IS NOT NULL AND b ?| ARRAY['public', 'active'] THEN
        PERFORM croft_raise(409, 'conflict', 'This image is a tenant''s own.');
    END IF;
    UPDATE images SET title = coalesce(b->>'title', title), active = coalesce((b->>'active')::boolean, active),
        labels = coalesce(b->'labels', labels),
        public = coalesce((b->>'public')::boolean, public)
        WHERE id = i.id RETURNING * INTO i;
    PERFORM croft_changed('image.updated', NULL, 'image', i.id, v_before, to_jsonb(croft_image_json(i)));
    RETURN (200, croft_image_json(i)::text, croft_etag(i.version), NULL)::croft_answer;
END
$$;

-- Of the catalogue or of a tenant.
CREATE OR REPLACE FUNCTION croft_admin_image_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_image_remove(croft_image_hold(p_req));
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;
