-- The audit log: who did what, from where, in which request, and what it was before and after.

-- Who does it. A reseller that acts in a tenant below it, and staff that act as a customer, are named beside it.
CREATE OR REPLACE FUNCTION croft_actor() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'type', CASE WHEN croft_setting('token') IS NOT NULL THEN 'token'
                     WHEN croft_setting('session') IS NOT NULL THEN 'session'
                     WHEN croft_setting('node') IS NOT NULL THEN 'node'
                     ELSE 'system' END,
        'token_id', croft_setting('token'), 'session_id', croft_setting('session'),
        'user_id', croft_setting('user'), 'node_id', croft_setting('node'),
        'tenant_id', croft_setting('actor_tenant'), 'impersonator_id', croft_setting('impersonator')))
$$;

CREATE OR REPLACE FUNCTION croft_event(p_action text, p_tenant uuid, p_type text, p_subject uuid, p_data jsonb DEFAULT '{}')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (tenant_id, actor, action, subject_type, subject_id, request_id, peer, data)
    VALUES (p_tenant, croft_actor(), p_action, p_type, p_subject, croft_setting('request_id'), croft_setting('peer'), p_data);
END
$$;

-- What of p_one differs from p_other; all of it if there is no other.
CREATE OR REPLACE FUNCTION croft_differs(p_one jsonb, p_other jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_other IS NULL THEN p_one ELSE coalesce((SELECT jsonb_object_agg(o.key, o.value) FROM jsonb_each(p_one) o
        WHERE o.key <> 'updated_at' AND o.value IS DISTINCT FROM p_other->o.key), '{}') END
$$;

-- A change of a row as the API shows it: null before is a row that is new, null after one that is gone. Of both only what differs.
CREATE OR REPLACE FUNCTION croft_changed(p_action text, p_tenant uuid, p_type text, p_subject uuid, p_before jsonb, p_after jsonb,
    p_more jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM croft_event(p_action, p_tenant, p_type, p_subject, p_more
        || CASE WHEN p_before IS NULL THEN '{}' ELSE jsonb_build_object('before', croft_differs(p_before, p_after)) END
        || CASE WHEN p_after IS NULL THEN '{}' ELSE jsonb_build_object('after', croft_differs(p_after, p_before)) END);
END
$$;

-- Whoever waits is woken when the transaction commits; what webhooks are to be told is written in it. Rows that are deleted
-- meanwhile are skipped, not missed by the foreign key.
CREATE OR REPLACE FUNCTION croft_event_publish() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_above uuid := (SELECT parent_id FROM tenants WHERE id = NEW.tenant_id);
BEGIN
    PERFORM pg_notify('croft_event', coalesce(NEW.tenant_id::text, ''));
    INSERT INTO webhook_deliveries (webhook_id, tenant_id, event_id, action)
    SELECT w.id, w.tenant_id, NEW.id, NEW.action
    FROM webhooks w
    WHERE w.tenant_id IN (NEW.tenant_id, v_above) AND (w.tenant_id = NEW.tenant_id OR w.include_children) AND w.enabled
        AND w.events && ARRAY['*', NEW.action, split_part(NEW.action, '.', 1) || '.*']
    ORDER BY w.id FOR KEY SHARE OF w;
    IF FOUND THEN
        PERFORM pg_notify('croft_webhook', '');
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER publish AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION croft_event_publish();

-- Not even whoever owns the table empties it by accident.
CREATE OR REPLACE FUNCTION croft_events_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE OR REPLACE TRIGGER keep BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION croft_events_keep();

CREATE OR REPLACE FUNCTION croft_event_json(e events) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', e.id, 'ts', e.ts, 'action', e.action, 'tenant_id', e.tenant_id,
        'subject_type', e.subject_type, 'subject_id', e.subject_id, 'actor', e.actor, 'request_id', e.request_id,
        'peer', e.peer, 'data', e.data);

-- The other half of the place of an event that the reader may see; of 0, the place before the first.
CREATE OR REPLACE FUNCTION croft_event_xid(p_id bigint, p_pointer text) RETURNS xid8 LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    v_xid xid8;
BEGIN
    IF p_id = 0 THEN
        RETURN '0'::xid8;
    END IF;
    SELECT xid INTO v_xid FROM events WHERE id = p_id;
    IF NOT FOUND THEN
        PERFORM croft_raise(422, 'invalid_value', 'This is no event that you have been shown.', p_pointer);
    END IF;
    RETURN v_xid;
END
$$;

CREATE OR REPLACE FUNCTION croft_xid_max() RETURNS xid8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '18446744073709551615'::xid8;

-- Everything below it has ended: a row whose transaction is older shows now or never.
CREATE OR REPLACE FUNCTION croft_horizon() RETURNS xid8 LANGUAGE sql STABLE
    RETURN pg_snapshot_xmin(pg_current_snapshot());

-- Restored into another cluster, whose transaction ids begin anew, the old rows would lie in its future.
DO $$
BEGIN
    IF EXISTS (SELECT FROM events WHERE xid > pg_current_xact_id()) THEN
        UPDATE events SET xid = '0' WHERE xid <> '0';
    END IF;
END
$$;
