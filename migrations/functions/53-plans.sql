-- What operators sell and to whom, and what resellers make of it.

-- Ids of a request's list, each once.
CREATE OR REPLACE FUNCTION croft_uuids(p_list jsonb, p_pointer text) RETURNS uuid[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT x::uuid FROM jsonb_array_elements_text(p_list) x ORDER BY 1);
EXCEPTION WHEN invalid_text_representation THEN
    PERFORM croft_raise(422, 'invalid_value', 'This is a list of ids.', p_pointer);
END
$$;

-- The locations that a plan is sold in; null: all.
CREATE OR REPLACE FUNCTION croft_plan_locations(b jsonb, p_old uuid[]) RETURNS uuid[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_ids uuid[];
BEGIN
    IF NOT b ? 'location_ids' THEN
        RETURN p_old;
    ELSIF jsonb_typeof(b->'location_ids') = 'null' THEN
        RETURN NULL;
    END IF;
    v_ids := croft_uuids(b->'location_ids', '/location_ids');
    IF v_ids = '{}' OR EXISTS (SELECT FROM unnest(v_ids) x WHERE x NOT IN (SELECT id FROM locations)) THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such location.', '/location_ids');
    END IF;
    RETURN v_ids;
END
$$;

CREATE OR REPLACE FUNCTION croft_plan_now(p_plan uuid) RETURNS plans_now LANGUAGE sql STABLE AS $$
    SELECT p FROM plans_now p WHERE id = p_plan
$$;

-- When a version begins to hold: not in the past, which would change what was sold.
CREATE OR REPLACE FUNCTION croft_valid_from(p_text text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_text::timestamptz < now() - interval '1 minute' THEN
        PERFORM croft_raise(422, 'invalid_value', 'A version cannot begin to hold in the past.', '/valid_from');
    END IF;
    RETURN greatest(p_text::timestamptz, now());
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR invalid_time_zone_displacement_value THEN
    PERFORM croft_raise(422, 'invalid_value', 'This is not an RFC 3339 time.', '/valid_from');
END
$$;

-- A price of a request, or the one before it.
CREATE OR REPLACE FUNCTION croft_price_or(b jsonb, p_name text, p_old numeric) RETURNS numeric LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN b->>p_name IS NULL THEN coalesce(p_old, 0) ELSE croft_price(b->>p_name, '/' || p_name) END;

-- A rate of a request, where null says that there is none, or the one before it.
CREATE OR REPLACE FUNCTION croft_rate_or(b jsonb, p_name text, p_old bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN b ? p_name THEN (b->>p_name)::bigint ELSE p_old END;

-- What the body leaves out is as in the version that was made last (o; of a first one null, then it is preset).
CREATE OR REPLACE FUNCTION croft_plan_version_add(p_plan uuid, b jsonb, o plan_versions) RETURNS plan_versions LANGUAGE plpgsql AS $$
DECLARE
    v plan_versions;
BEGIN
    INSERT INTO plan_versions (plan_id, number, valid_from, vcpus, memory_bytes, swap_bytes, disk_bytes, pids, traffic_bytes,
        ipv4_count, ipv6_count, net_rate_bps, io_bps, iops, tun, fuse, nesting, delete_hold_s, price_month, price_hour, currency)
    VALUES (p_plan, coalesce(o.number, 0) + 1, croft_valid_from(b->>'valid_from'),
        coalesce((b->>'vcpus')::int, o.vcpus), coalesce((b->>'memory_bytes')::bigint, o.memory_bytes),
        coalesce((b->>'swap_bytes')::bigint, o.swap_bytes, 0), coalesce((b->>'disk_bytes')::bigint, o.disk_bytes),
        coalesce((b->>'pids')::bigint, o.pids, 4096), coalesce((b->>'traffic_bytes')::bigint, o.traffic_bytes, 0),
        coalesce((b->>'ipv4_count')::int, o.ipv4_count, 1), coalesce((b->>'ipv6_count')::int, o.ipv6_count, 1),
        croft_rate_or(b, 'net_rate_bps', o.net_rate_bps), croft_rate_or(b, 'io_bps', o.io_bps), croft_rate_or(b, 'iops', o.iops),
        coalesce((b->>'tun')::boolean, o.tun, false), coalesce((b->>'fuse')::boolean, o.fuse, false),
        coalesce((b->>'nesting')::boolean, o.nesting, false), coalesce((b->>'delete_hold_s')::int, o.delete_hold_s, 0),
        croft_price_or(b, 'price_month', o.price_month), croft_price_or(b, 'price_hour', o.price_hour),
        coalesce(b->>'currency', o.currency, 'EUR'))
    RETURNING * INTO v;
    RETURN v;
EXCEPTION
    WHEN unique_violation THEN
        PERFORM croft_raise(409, 'conflict', 'There is a version that begins to hold at that time.', '/valid_from');
    WHEN check_violation OR not_null_violation OR numeric_value_out_of_range THEN
        PERFORM croft_raise(422, 'invalid_value', format('A value of the plan is out of range (%s).', SQLERRM));
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_plan_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    v_id uuid;
    p plans_now;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    INSERT INTO plans (name, title, active, public, private_ipv4, location_ids, node_tags)
    VALUES (b->>'name', coalesce(b->>'title', b->>'name'), coalesce((b->>'active')::boolean, true),
        coalesce((b->>'public')::boolean, true), coalesce((b->>'private_ipv4')::boolean, false), croft_plan_locations(b, NULL), croft_tags(b, 'node_tags', '{}'))
    ON CONFLICT (name) DO NOTHING RETURNING id INTO v_id;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'There is a plan with this name.', '/name');
    END IF;
    PERFORM croft_plan_version_add(v_id, b, NULL);
    p := croft_plan_now(v_id);
    PERFORM croft_changed('plan.created', NULL, 'plan', v_id, NULL, to_jsonb(croft_plan_json(p)));
    a := (201, croft_plan_json(p)::text, croft_plan_etag(p), '/v1/admin/plans/' || v_id);
    RETURN croft_idempotency_end(p_req, a);
END
$$;

CREATE OR REPLACE FUNCTION croft_plan_hold(p_req jsonb) RETURNS plans LANGUAGE plpgsql AS $$
DECLARE
    p plans;
BEGIN
    SELECT * INTO p FROM plans WHERE id = (p_req->>'id')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('plan');
    END IF;
    RETURN p;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_plan_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    p plans := croft_plan_hold(p_req);
    v_before jsonb := to_jsonb(croft_plan_json(croft_plan_now(p.id)));
    v_after plans_now;
BEGIN
    PERFORM croft_check_match(p_req, p.version);
    UPDATE plans SET name = coalesce(b->>'name', name), title = coalesce(b->>'title', title),
        active = coalesce((b->>'active')::boolean, active), public = coalesce((b->>'public')::boolean, public),
        location_ids = croft_plan_locations(b, location_ids), node_tags = croft_tags(b, 'node_tags', node_tags)
    WHERE id = p.id;
    v_after := croft_plan_now(p.id);
    PERFORM croft_changed('plan.updated', NULL, 'plan', p.id,
        v_before, to_jsonb(croft_plan_json(v_after)));
    RETURN (200, croft_plan_json(v_after)::text, croft_plan_etag(v_after), NULL)::croft_answer;
EXCEPTION WHEN unique_violation THEN
    PERFORM croft_raise(409, 'conflict', 'There is a plan with this name.', '/name');
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_plan_version_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    p plans;
    o plan_versions;
    v plan_versions;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    p := croft_plan_hold(p_req);
    SELECT * INTO o FROM plan_versions WHERE plan_id = p.id ORDER BY number DESC LIMIT 1;
    v := croft_plan_version_add(p.id, p_req->'body', o);
    UPDATE plans SET updated_at = now() WHERE id = p.id; -- its ETag
    PERFORM croft_changed('plan.version_created', NULL, 'plan', p.id, NULL, to_jsonb(croft_plan_version_json(v)));
    a := (201, croft_plan_version_json(v)::text, NULL, '/v1/admin/plan-versions/' || v.id);
    RETURN croft_idempotency_end(p_req, a);
END
$$;

-- Only one that does not hold yet: nothing was sold with it.
CREATE OR REPLACE FUNCTION croft_admin_plan_version_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v plan_versions;
BEGIN
    SELECT * INTO v FROM plan_versions WHERE id = (p_req->>'id')::uuid;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('plan version');
    END IF;
    PERFORM FROM plans WHERE id = v.plan_id FOR NO KEY UPDATE; -- of two deletes at once the second sees what the first left
    IF v.valid_from <= now() OR NOT EXISTS (SELECT FROM plan_versions WHERE plan_id = v.plan_id AND id <> v.id) THEN
        PERFORM croft_raise(409, 'conflict', 'Only a version that does not hold yet, and is not the plan''s only one, can be deleted.');
    END IF;
    DELETE FROM plan_versions WHERE id = v.id;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('plan version');
    END IF;
    UPDATE plans SET updated_at = now() WHERE id = v.plan_id;
    PERFORM croft_changed('plan.version_deleted', NULL, 'plan', v.plan_id, to_jsonb(croft_plan_version_json(v)), NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

-- ---- Who sees a plan or an image that is not public

CREATE OR REPLACE FUNCTION croft_viewers_json(p_ids uuid[]) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('tenant_ids', to_json(coalesce(p_ids, '{}')));

CREATE OR REPLACE FUNCTION croft_viewers(p_req jsonb) RETURNS uuid[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_ids uuid[] := croft_uuids(p_req->'body'->'tenant_ids', '/tenant_ids');
BEGIN
    IF EXISTS (SELECT FROM unnest(v_ids) x WHERE x NOT IN (SELECT id FROM tenants WHERE kind <> 'operator')) THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such tenant.', '/tenant_ids');
    END IF;
    RETURN v_ids;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_plan_viewers_set(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    p plans := croft_plan_hold(p_req);
    v_before uuid[] := ARRAY(SELECT tenant_id FROM plan_tenants WHERE plan_id = p.id ORDER BY 1);
    v_after uuid[];
BEGIN
    PERFORM croft_check_match(p_req, p.version);
    v_after := croft_viewers(p_req);
    DELETE FROM plan_tenants WHERE plan_id = p.id AND tenant_id <> ALL (v_after);
    INSERT INTO plan_tenants (plan_id, tenant_id) SELECT p.id, x FROM unnest(v_after) x ON CONFLICT DO NOTHING;
    UPDATE plans SET updated_at = now() WHERE id = p.id RETURNING * INTO p;
    PERFORM croft_changed('plan.viewers_set', NULL, 'plan', p.id,
        to_jsonb(croft_viewers_json(v_before)), to_jsonb(croft_viewers_json(v_after)));
    RETURN (200, croft_viewers_json(v_after)::text, croft_etag(p.version), NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_image_viewers_set(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    i images := croft_image_hold(p_req);
    v_before uuid[] := ARRAY(SELECT tenant_id FROM image_tenants WHERE image_id = i.id ORDER BY 1);
    v_after uuid[];
BEGIN
    PERFORM croft_check_match(p_req, i.version);
    v_after := croft_viewers(p_req);
    DELETE FROM image_tenants WHERE image_id = i.id AND tenant_id <> ALL (v_after);
    INSERT INTO image_tenants (image_id, tenant_id) SELECT i.id, x FROM unnest(v_after) x ON CONFLICT DO NOTHING;
    UPDATE images SET updated_at = now() WHERE id = i.id RETURNING * INTO i;
    PERFORM croft_changed('image.viewers_set', NULL, 'image', i.id,
        to_jsonb(croft_viewers_json(v_before)), to_jsonb(croft_viewers_json(v_after)));
    RETURN (200, croft_viewers_json(v_after)::text, croft_etag(i.version), NULL)::croft_answer;
END
$$;

-- ---- What a reseller sells

-- Makes the offer (201) or replaces it (200; then If-Match must name what is replaced). Of two who make it at once the second
-- finds it made.
CREATE OR REPLACE FUNCTION croft_plan_offer_set(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    v_plan uuid := (p_req->>'id')::uuid;
    v_before jsonb;
    v_found boolean;
    o plan_offers;
BEGIN
    PERFORM FROM plans_offered p JOIN tenants t ON t.id = croft_tenant_id() AND t.kind = 'reseller' WHERE p.id = v_plan;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('plan');
    END IF;
    INSERT INTO plan_offers (seller_id, plan_id, price_month, price_hour, currency, active)
    VALUES (croft_tenant_id(), v_plan, croft_price(b->>'price_month', '/price_month'), croft_price(b->>'price_hour', '/price_hour'),
        b->>'currency', coalesce((b->>'active')::boolean, true))
    ON CONFLICT DO NOTHING RETURNING * INTO o;
    v_found := NOT FOUND;
    IF v_found THEN
        SELECT * INTO STRICT o FROM plan_offers WHERE seller_id = croft_tenant_id() AND plan_id = v_plan FOR NO KEY UPDATE;
        PERFORM croft_check_match(p_req, o.version);
        v_before := to_jsonb(croft_plan_offer_json(o));
        UPDATE plan_offers SET price_month = croft_price(b->>'price_month', '/price_month'),
            price_hour = croft_price(b->>'price_hour', '/price_hour'), currency = b->>'currency',
            active = coalesce((b->>'active')::boolean, true)
        WHERE seller_id = o.seller_id AND plan_id = o.plan_id RETURNING * INTO o;
    ELSIF p_req->>'if_match' IS NOT NULL THEN
        PERFORM croft_raise(412, 'precondition_failed', 'There is no such offer any more.');
    END IF;
    PERFORM croft_changed(CASE WHEN v_found THEN 'plan_offer.updated' ELSE 'plan_offer.created' END, o.seller_id, 'plan', o.plan_id,
        v_before, to_jsonb(croft_plan_offer_json(o)));
    RETURN (CASE WHEN v_found THEN 200 ELSE 201 END, croft_plan_offer_json(o)::text, croft_etag(o.version),
        '/v1/plan-offers/' || o.plan_id)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_plan_offer_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    o plan_offers;
BEGIN
    DELETE FROM plan_offers WHERE seller_id = croft_tenant_id() AND plan_id = (p_req->>'id')::uuid RETURNING * INTO o;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('offer');
    END IF;
    PERFORM croft_changed('plan_offer.deleted', o.seller_id, 'plan', o.plan_id, to_jsonb(croft_plan_offer_json(o)), NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;
