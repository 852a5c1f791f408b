-- Webhooks: what a tenant makes of them, and what the deliverers of the server's workers ask and tell.

CREATE OR REPLACE FUNCTION croft_webhook_json(w webhooks_visible) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', w.id, 'tenant_id', w.tenant_id, 'url', w.url, 'description', w.description, 'events', w.events, 'include_children', w.include_children,
        'enabled', w.enabled, 'disabled_reason', w.disabled_reason, 'failing_since', w.failing_since,
        'created_at', w.created_at, 'updated_at', w.updated_at);

CREATE OR REPLACE FUNCTION croft_delivery_json(d webhook_deliveries) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', d.id, 'webhook_id', d.webhook_id, 'event_id', d.event_id, 'action', d.action,
        'state', d.state, 'attempts', d.attempts, 'next_at', d.next_at, 'log', d.log, 'created_at', d.created_at,
        'ended_at', d.ended_at);

CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE OF url, description, events, include_children, enabled, secret ON webhooks
    FOR EACH ROW EXECUTE FUNCTION croft_bump_version();

CREATE OR REPLACE FUNCTION croft_webhook_visible(p_id uuid) RETURNS webhooks_visible LANGUAGE sql STABLE AS $$
    SELECT w FROM webhooks_visible w WHERE w.id = p_id AND w.tenant_id = croft_tenant_id()
$$;

-- The tenant's own, locked; not so that the events of other changes, which name every webhook that wants them, would wait.
CREATE OR REPLACE FUNCTION croft_webhook_hold(p_req jsonb) RETURNS webhooks_visible LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM webhooks WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id() FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('webhook');
    END IF;
    RETURN croft_webhook_visible((p_req->>'id')::uuid);
END
$$;

-- The actions of a body, or p_else.
CREATE OR REPLACE FUNCTION croft_webhook_events(p_events jsonb, p_else text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_events text[];
BEGIN
    IF jsonb_typeof(p_events) IS DISTINCT FROM 'array' THEN
        RETURN p_else;
    END IF;
    v_events := ARRAY(SELECT DISTINCT e FROM jsonb_array_elements_text(p_events) e ORDER BY e);
    IF cardinality(v_events) = 0 OR EXISTS (SELECT FROM unnest(v_events) e WHERE e !~ '^(\*|[a-z_]+\.(\*|[a-z_]+))$') THEN
        PERFORM croft_raise(422, 'invalid_value', 'These are actions such as "vps.created", "vps.*" for all of a kind, or "*".', '/events');
    END IF;
    RETURN v_events;
END
$$;

-- Only who runs the tenants below it may hear of them, as it may act there.
CREATE OR REPLACE FUNCTION croft_webhook_children(p_body jsonb) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (p_body->>'include_children')::boolean AND (SELECT kind FROM tenants WHERE id = croft_tenant_id()) <> 'reseller' THEN
        PERFORM croft_raise(422, 'invalid_value', 'Only a reseller has tenants below it.', '/include_children');
    END IF;
    RETURN (p_body->>'include_children')::boolean;
END
$$;

-- The number of a tenant's webhooks is counted under a lock of its own, so that two creates at once do not both fit.
CREATE OR REPLACE FUNCTION croft_webhook_room() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('croft_webhooks'), hashtext(croft_tenant_id()::text));
    IF (SELECT count(*) FROM webhooks WHERE tenant_id = croft_tenant_id()) >= 50 THEN
        PERFORM croft_raise(409, 'conflict', 'A tenant has at most 50 webhooks.');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_webhook_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    w webhooks_visible;
    v_id uuid;
    v_shown jsonb;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    PERFORM croft_webhook_room();
    INSERT INTO webhooks (tenant_id, url, description, events, include_children, enabled, secret)
    VALUES (croft_tenant_id(), b->>'url', coalesce(b->>'description', ''), croft_webhook_events(b->'events', '{*}'),
        coalesce(croft_webhook_children(b), false), coalesce((b->>'enabled')::boolean, true), b->>'sealed')
    RETURNING id INTO v_id;
    w := croft_webhook_visible(v_id);
    v_shown := to_jsonb(croft_webhook_json(w));
    PERFORM croft_changed('webhook.created', w.tenant_id, 'webhook', w.id, NULL, v_shown);
    a := (201, (v_shown || jsonb_build_object('secret', b->'secret'))::text, croft_etag(w.version), '/v1/webhooks/' || w.id);
    RETURN croft_idempotency_end(p_req, a, (v_shown || '{"secret":null}')::text);
END
$$;

-- Who enables it means that it works again: what failed before counts no more.
CREATE OR REPLACE FUNCTION croft_webhook_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    v_events text[] := croft_webhook_events(b->'events', NULL); -- what is wrong with the body is said first
    w webhooks_visible := croft_webhook_hold(p_req);
    v_before jsonb := croft_webhook_json(w);
BEGIN
    PERFORM croft_check_match(p_req, w.version);
    UPDATE webhooks SET url = coalesce(b->>'url', url), description = coalesce(b->>'description', description),
        events = coalesce(v_events, events), include_children = coalesce(croft_webhook_children(b), include_children), enabled = coalesce((b->>'enabled')::boolean, enabled),
        disabled_reason = CASE WHEN (b->>'enabled')::boolean THEN NULL ELSE disabled_reason END,
        failing_since = CASE WHEN (b->>'enabled')::boolean THEN NULL ELSE failing_since END
    WHERE id = w.id;
    w := croft_webhook_visible(w.id);
    PERFORM croft_changed('webhook.updated', w.tenant_id, 'webhook', w.id, v_before, to_jsonb(croft_webhook_json(w)));
    PERFORM pg_notify('croft_webhook', '');
    RETURN (200, croft_webhook_json(w)::text, croft_etag(w.version), NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_webhook_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    w webhooks_visible := croft_webhook_hold(p_req);
BEGIN
    DELETE FROM webhooks WHERE id = w.id;
    PERFORM croft_changed('webhook.deleted', w.tenant_id, 'webhook', w.id, to_jsonb(croft_webhook_json(w)), NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_webhook_rotate(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    w webhooks_visible := croft_webhook_hold(p_req);
    v_until timestamptz := now() + interval '24 hours';
BEGIN
    UPDATE webhooks SET old_secret = secret, old_secret_until = v_until, secret = p_req->'body'->>'sealed' WHERE id = w.id;
    w := croft_webhook_visible(w.id);
    PERFORM croft_changed('webhook.rotated', w.tenant_id, 'webhook', w.id, NULL, jsonb_build_object('old_secret_until', v_until));
    RETURN (200, (to_jsonb(croft_webhook_json(w)) || jsonb_build_object('secret', p_req->'body'->'secret'))::text,
        croft_etag(w.version), NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_delivery_accepted(d webhook_deliveries) RETURNS croft_answer LANGUAGE sql STABLE AS $$
    SELECT (202, croft_delivery_json(d)::text, NULL, '/v1/webhook-deliveries/' || d.id)::croft_answer
$$;

CREATE OR REPLACE FUNCTION croft_webhook_test(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    w webhooks_visible;
    d webhook_deliveries;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    w := croft_webhook_hold(p_req);
    IF NOT w.enabled THEN
        PERFORM croft_raise(409, 'conflict', 'The webhook is disabled.');
    END IF;
    INSERT INTO webhook_deliveries (webhook_id, tenant_id, action) VALUES (w.id, w.tenant_id, 'webhook.test') RETURNING * INTO d;
    PERFORM pg_notify('croft_webhook', '');
    RETURN croft_idempotency_end(p_req, croft_delivery_accepted(d));
END
$$;

-- An attempt that is under way goes on and may come first: that is what the same webhook-id is for.
CREATE OR REPLACE FUNCTION croft_webhook_redeliver(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    d webhook_deliveries;
BEGIN
    UPDATE webhook_deliveries SET state = 'pending', attempts = 0, next_at = now(), claim = NULL, ended_at = NULL
        WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id() RETURNING * INTO d;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('delivery');
    ELSIF NOT (SELECT enabled FROM webhooks WHERE id = d.webhook_id) THEN
        PERFORM croft_raise(409, 'conflict', 'The webhook is disabled.');
    END IF;
    PERFORM pg_notify('croft_webhook', '');
    RETURN croft_delivery_accepted(d);
END
$$;

-- ---- The deliverers

-- CloudEvents 1.0, structured mode.
CREATE OR REPLACE FUNCTION croft_delivery_body(d webhook_deliveries) RETURNS text LANGUAGE sql STABLE SET timezone = 'UTC' AS $$
    SELECT json_build_object('specversion', '1.0', 'id', coalesce(d.event_id::text, d.id::text), 'source', '/tenants/' || coalesce(e.tenant_id, d.tenant_id),
        'type', 'croft.' || d.action, 'subject', coalesce(e.subject_type || '/' || e.subject_id, 'webhook/' || d.webhook_id),
        'time', coalesce(e.ts, d.created_at), 'datacontenttype', 'application/json', 'data', CASE WHEN e.id IS NULL THEN
            json_build_object('webhook_id', d.webhook_id) ELSE croft_event_json(e) END)::text
    FROM (SELECT) one LEFT JOIN events e ON e.id = d.event_id
$$;

-- Due deliveries, at most four under way for one webhook, so that a slow one holds up nobody else. One deliverer asks at a
-- time, which makes the four exact; what it takes is its own until the lease ends.
CREATE OR REPLACE FUNCTION croft_webhook_claim(p_request jsonb)
RETURNS TABLE (delivery_id uuid, claim_id uuid, attempt int, target text, body text, secret text, old_secret text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_claim uuid := gen_random_uuid();
    v_left int := (p_request->>'limit')::int;
    v_webhook uuid := croft_uuid_min();
    v_ids uuid[] := '{}';
    v_got uuid[];
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('croft_webhook_claim')) THEN
        RETURN;
    END IF;
    WHILE v_left > 0 LOOP
        SELECT d.webhook_id INTO v_webhook FROM webhook_deliveries d
            WHERE d.state = 'pending' AND d.webhook_id > v_webhook ORDER BY d.webhook_id LIMIT 1;
        EXIT WHEN NOT FOUND;
        v_got := ARRAY(SELECT d.id FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id AND w.enabled
            WHERE d.webhook_id = v_webhook AND d.state = 'pending' AND d.next_at <= now() ORDER BY d.next_at
            LIMIT least(v_left, greatest(0, 4 - (SELECT count(*) FROM webhook_deliveries c
                WHERE c.webhook_id = v_webhook AND c.claim IS NOT NULL AND c.next_at > now())))
            FOR NO KEY UPDATE OF d SKIP LOCKED);
        v_ids := v_ids || v_got;
        v_left := v_left - cardinality(v_got);
    END LOOP;
    RETURN QUERY WITH claimed AS (
        UPDATE webhook_deliveries d SET claim = v_claim, attempts = attempts + 1,
            next_at = now() + make_interval(secs => (p_request->>'lease_s')::int)
        WHERE d.id = ANY (v_ids) RETURNING d.*
    )
    SELECT c.id, v_claim, c.attempts, w.url, croft_delivery_body(c::webhook_deliveries), w.secret,
        CASE WHEN w.old_secret_until > now() THEN w.old_secret END
    FROM claimed c JOIN webhooks w ON w.id = c.webhook_id;
END
$$;

-- After the n-th attempt: the pauses of the Standard Webhooks specification, about three days in all, and a fifth of it by
-- chance, so that what failed together does not come back together. Null: it was the last.
CREATE OR REPLACE FUNCTION croft_webhook_pause(p_attempt int) RETURNS interval LANGUAGE sql VOLATILE AS $$
    SELECT (ARRAY[5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400])[p_attempt] * (0.9 + 0.2 * random()) * interval '1 second'
$$;

-- A target that is gone, or that has failed for three days, is told nothing more.
CREATE OR REPLACE FUNCTION croft_webhook_failed(w webhooks, p_status int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_reason text := CASE WHEN p_status = 410 THEN 'The target answered 410: it is gone.'
        WHEN w.failing_since < now() - interval '3 days' THEN 'No delivery has succeeded for three days.' END;
    v_before jsonb := croft_webhook_json(croft_webhook_of(w.id));
BEGIN
    IF w.failing_since IS NULL THEN
        UPDATE webhooks SET failing_since = now() WHERE id = w.id;
    END IF;
    IF v_reason IS NOT NULL AND w.enabled THEN
        UPDATE webhooks SET enabled = false, disabled_reason = v_reason WHERE id = w.id;
        PERFORM croft_changed('webhook.disabled', w.tenant_id, 'webhook', w.id, v_before,
            to_jsonb(croft_webhook_json(croft_webhook_of(w.id))));
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_webhook_of(p_id uuid) RETURNS webhooks_visible LANGUAGE sql STABLE AS $$
    SELECT w FROM webhooks_visible w WHERE w.id = p_id
$$;

-- How an attempt went: {delivery, claim, status, error, duration_ms, response}. One whose lease has ended is only logged.
CREATE OR REPLACE FUNCTION croft_webhook_done(p_report jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    d webhook_deliveries;
    w webhooks;
    v_status int := (p_report->>'status')::int;
    v_good boolean := v_status BETWEEN 200 AND 299 AND p_report->>'error' IS NULL;
    v_pause interval;
BEGIN
    SELECT h.* INTO w FROM webhooks h JOIN webhook_deliveries x ON x.webhook_id = h.id
        WHERE x.id = (p_report->>'delivery')::uuid FOR NO KEY UPDATE OF h;
    SELECT * INTO d FROM webhook_deliveries WHERE id = (p_report->>'delivery')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN '{}';
    END IF;
    d.log := jsonb_path_query_array(d.log, '$[last - 18 to last]') || jsonb_build_object('at', to_jsonb(now()), 'status', v_status,
        'error', left(p_report->>'error', 500), 'duration_ms', (p_report->>'duration_ms')::bigint,
        'response', left(p_report->>'response', 1024));
    IF d.claim IS DISTINCT FROM (p_report->>'claim')::uuid THEN
        UPDATE webhook_deliveries SET log = d.log WHERE id = d.id;
        RETURN '{"late":true}';
    END IF;
    v_pause := croft_webhook_pause(d.attempts);
    UPDATE webhook_deliveries SET log = d.log, claim = NULL,
        state = CASE WHEN v_good THEN 'delivered' WHEN v_pause IS NULL THEN 'failed' ELSE 'pending' END,
        next_at = CASE WHEN NOT v_good THEN now() + v_pause END,
        ended_at = CASE WHEN v_good OR v_pause IS NULL THEN now() END
    WHERE id = d.id;
    IF NOT v_good THEN
        PERFORM croft_webhook_failed(w, v_status);
    ELSIF w.failing_since IS NOT NULL THEN
        UPDATE webhooks SET failing_since = NULL WHERE id = w.id;
    END IF;
    RETURN '{}';
END
$$;

-- Deliveries are kept for thirty days; what could not be delivered in that time is given up with them.
CREATE OR REPLACE FUNCTION croft_webhook_expire() RETURNS void LANGUAGE sql AS $$
    DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries
        WHERE created_at < now() - interval '30 days' ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
$$;
