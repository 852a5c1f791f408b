-- Consoles: a ticket from the API, used once at the WebSocket (server/console.h), closed by the worker that held it or, if that
-- died, by housekeeping.

CREATE OR REPLACE TRIGGER state BEFORE UPDATE OF state ON consoles FOR EACH ROW WHEN (OLD.state <> NEW.state)
    EXECUTE FUNCTION croft_check_transition('state');

-- Whatever is open on a vps that is to run no more is cut at once (server/revocation.h).
CREATE OR REPLACE TRIGGER consoles AFTER UPDATE OF desired, suspended ON vps FOR EACH ROW
    WHEN (OLD.desired = 'running' AND NEW.desired <> 'running' OR OLD.suspended IS DISTINCT FROM 'stop' AND NEW.suspended = 'stop')
    EXECUTE FUNCTION croft_revoked('vps', 'id');

-- As events show it.
CREATE OR REPLACE FUNCTION croft_console_json(c consoles) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', c.id, 'vps_id', c.vps_id, 'kind', c.kind, 'state', c.state, 'peer', c.peer,
        'opened_at', c.opened_at, 'closed_at', c.closed_at, 'close_reason', c.close_reason);

-- Raises unless a console of it can be had now. The bounds hold for sure where the tenant's consoles are locked (croft_console_open):
-- a node has 64 terminals and a worker 500 consoles, which no tenant gets alone.
CREATE OR REPLACE FUNCTION croft_console_check(v vps) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF v.desired <> 'running' OR v.observed <> 'running' OR v.suspended = 'stop' THEN
        PERFORM croft_raise(409, 'conflict', 'The vps does not run.');
    ELSIF v.frozen THEN
        PERFORM croft_raise(409, 'conflict', 'The vps is frozen: thaw it first.');
    ELSIF NOT EXISTS (SELECT FROM node_status s WHERE s.node_id = v.node_id AND s.online
        AND s.last_seen_at > now() - interval '30 seconds') THEN
        PERFORM croft_raise(504, 'node_unreachable', 'The node of this vps cannot be reached now.');
    ELSIF (SELECT count(*) FROM consoles c WHERE c.vps_id = v.id AND c.state = 'open') >= 10 THEN
        PERFORM croft_raise(409, 'conflict', 'Ten consoles of this vps are open already.');
    ELSIF (SELECT count(*) FROM consoles c WHERE c.tenant_id = v.tenant_id AND c.node_id = v.node_id AND c.state = 'open') >= 20 THEN
        PERFORM croft_raise(409, 'conflict', 'Twenty consoles of your vps on this node are open already.');
    ELSIF (SELECT count(*) FROM consoles c WHERE c.tenant_id = v.tenant_id AND c.state = 'open') >= 50 THEN
        PERFORM croft_raise(409, 'conflict', 'Fifty consoles of your vps are open already.');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_console_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    v_body jsonb := p_req->'body';
    v vps;
    c consoles;
    v_shown jsonb;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    SELECT * INTO v FROM vps WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id() AND deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('vps');
    END IF;
    PERFORM croft_console_check(v);
    INSERT INTO consoles (tenant_id, vps_id, node_id, kind, ticket_hash, token_id, session_id, user_id, expires_at)
    VALUES (v.tenant_id, v.id, v.node_id, v_body->>'kind', v_body->>'ticket_hash', croft_setting('token')::uuid,
        CASE WHEN croft_setting('token') IS NULL THEN croft_setting('session')::uuid END, croft_user_id(), now() + interval '30 seconds')
    RETURNING * INTO c;
    PERFORM croft_changed('console.created', c.tenant_id, 'console', c.id, NULL, to_jsonb(croft_console_json(c)));
    v_shown := jsonb_build_object('id', c.id, 'vps_id', c.vps_id, 'kind', c.kind, 'ticket', v_body->'ticket', 'url', v_body->'url',
        'protocol', v_body->'protocol', 'expires_at', c.expires_at);
    a := (201, v_shown::text, NULL, NULL)::croft_answer;
    RETURN croft_idempotency_end(p_req, a, (v_shown || '{"ticket":null}')::text);
END
$$;

-- Lets in whoever made the ticket, by all that holds for a request of theirs now. Roles and scope are those of the route that
-- makes tickets (server/api/routes.c).
CREATE OR REPLACE FUNCTION croft_console_enter(c consoles, p_peer text, p_request text, OUT valid_s int) LANGUAGE plpgsql AS $$
BEGIN
    IF c.token_id IS NOT NULL THEN
        SELECT t.valid_s INTO valid_s FROM croft_auth_token((SELECT k.token_hash FROM tokens k WHERE k.id = c.token_id), 'tenant',
            c.tenant_id, 'vps:write', p_peer, p_request, NULL, '{owner,admin,member}') t;
    ELSE
        SELECT s.valid_s INTO valid_s FROM croft_auth_session(c.session_id, 'tenant', c.tenant_id, 'vps:write', p_peer, p_request,
            NULL, '{owner,admin,member}', c.user_id) s;
    END IF;
END
$$;

-- {ticket_hash, peer, request, host, port}: uses the ticket up and has the node told where the console is waited for.
CREATE OR REPLACE FUNCTION croft_console_open(p_req jsonb)
RETURNS TABLE (id uuid, vps_id uuid, node_id uuid, kind text, token_id uuid, session_id uuid, user_id uuid, tenant_id uuid, valid_s int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    c consoles;
    v_before jsonb;
    v vps;
    v_valid_s int;
BEGIN
    -- Who opens many at once is counted one after another.
    PERFORM pg_advisory_xact_lock(hashtext('croft_consoles'), hashtext(k.tenant_id::text)) FROM consoles k
        WHERE k.ticket_hash = p_req->>'ticket_hash';
    SELECT * INTO c FROM consoles k WHERE k.ticket_hash = p_req->>'ticket_hash' AND k.state = 'ticket' AND k.expires_at > now()
        FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise(403, 'forbidden', 'The ticket is unknown, used or expired.');
    END IF;
    v_valid_s := croft_console_enter(c, p_req->>'peer', p_req->>'request');
    SELECT * INTO v FROM vps k WHERE k.id = c.vps_id AND k.deleted_at IS NULL;
    PERFORM croft_console_check(v);
    v_before := to_jsonb(croft_console_json(c));
    UPDATE consoles k SET state = 'open', opened_at = now(), seen_at = now(), peer = p_req->>'peer', request_id = p_req->>'request',
        impersonator_id = croft_setting('impersonator')::uuid, actor_tenant_id = croft_setting('actor_tenant')::uuid
        WHERE k.id = c.id RETURNING * INTO c;
    PERFORM croft_changed('console.opened', c.tenant_id, 'console', c.id, v_before, to_jsonb(croft_console_json(c)),
        jsonb_build_object('vps_id', c.vps_id, 'kind', c.kind));
    PERFORM pg_notify('croft_console', jsonb_build_object('node', c.node_id, 'console', c.id, 'vps', c.vps_id, 'kind', c.kind,
        'host', p_req->'host', 'port', p_req->'port')::text);
    RETURN QUERY SELECT c.id, c.vps_id, c.node_id, c.kind, c.token_id, c.session_id, c.user_id, c.tenant_id, v_valid_s;
END
$$;

-- The event is of whoever opened it, also when nobody asks.
CREATE OR REPLACE FUNCTION croft_console_end(p_id uuid, p_reason text, p_more jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c consoles;
    v_before jsonb;
BEGIN
    SELECT * INTO c FROM consoles WHERE id = p_id AND state = 'open' FOR NO KEY UPDATE;
    IF FOUND THEN
        v_before := to_jsonb(croft_console_json(c));
        UPDATE consoles SET state = 'closed', closed_at = now(), close_reason = p_reason WHERE id = p_id RETURNING * INTO c;
        PERFORM croft_enter(c.tenant_id, c.user_id, NULL, c.token_id, c.session_id, c.peer, c.request_id, NULL),
            set_config('croft.impersonator', coalesce(c.impersonator_id::text, ''), true),
            set_config('croft.actor_tenant', coalesce(c.actor_tenant_id::text, ''), true);
        PERFORM croft_changed('console.closed', c.tenant_id, 'console', c.id, v_before, to_jsonb(croft_console_json(c)),
            p_more || jsonb_build_object('vps_id', c.vps_id, 'kind', c.kind));
        PERFORM croft_enter(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    END IF;
END
$$;

-- {id, reason, bytes_in, bytes_out}, of the worker that held it.
CREATE OR REPLACE FUNCTION croft_console_close(p_req jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_console_end((p_req->>'id')::uuid, p_req->>'reason',
        jsonb_build_object('bytes_in', p_req->'bytes_in', 'bytes_out', p_req->'bytes_out'));
END
$$;

-- {ids}: they are still open. Answers with those that are not, whatever the worker believes (lost), and those whose node may not
-- see what is typed any more (node).
CREATE OR REPLACE FUNCTION croft_console_alive(p_req jsonb) RETURNS TABLE (id uuid, reason text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_ids uuid[] := ARRAY(SELECT x::uuid FROM jsonb_array_elements_text(p_req->'ids') x);
BEGIN
    UPDATE consoles SET seen_at = now() WHERE id IN (SELECT c.id FROM consoles c WHERE c.id = ANY (v_ids) AND c.state = 'open'
        ORDER BY c.id FOR NO KEY UPDATE);
    RETURN QUERY SELECT x, CASE WHEN c.id IS NULL THEN 'lost' ELSE 'node' END
        FROM unnest(v_ids) x LEFT JOIN consoles c ON c.id = x AND c.state = 'open'
        WHERE c.id IS NULL OR croft_node_is_out(c.node_id);
END
$$;

-- What died with its worker is closed; what is over is forgotten.
CREATE OR REPLACE FUNCTION croft_consoles_expire() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid;
BEGIN
    FOR v_id IN SELECT id FROM consoles WHERE state = 'open' AND seen_at < now() - interval '90 seconds'
        ORDER BY id LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        PERFORM croft_console_end(v_id, 'lost', '{}');
    END LOOP;
    DELETE FROM consoles WHERE ctid IN (SELECT ctid FROM consoles WHERE created_at < now() - interval '1 hour' AND state = 'ticket'
        OR closed_at < now() - interval '1 day' LIMIT 1000 FOR UPDATE SKIP LOCKED);
END
$$;
