-- Consoles: tickets good once, for seconds, for whoever may still; who opened what is in the audit log.

CREATE FUNCTION test.console(p_statement text, p_req jsonb, OUT id uuid, OUT code text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', 'croft_server', true), set_config('test.call', gen_random_uuid()::text, true);
    IF p_statement = 'console_close' THEN
        EXECUTE test.statement(p_statement) USING p_req;
    ELSE
        EXECUTE test.statement(p_statement) INTO id USING p_req;
    END IF;
    PERFORM set_config('role', 'none', true), set_config('test.call', '', true);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE;
END
$$;

CREATE FUNCTION test.ticket(p_token text, p_vps text, p_ticket text, p_kind text DEFAULT 'shell') RETURNS test.reply LANGUAGE sql AS $$
    SELECT test.api(p_token, 'console_create', jsonb_build_object('id', p_vps, 'body', jsonb_build_object('kind', p_kind,
        'ticket', p_ticket, 'ticket_hash', test.hash(p_ticket), 'url', 'wss://x', 'protocol', 'p')))
$$;

CREATE FUNCTION test.open(p_ticket text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(c.code, CASE WHEN c.id IS NULL THEN 'nothing' ELSE 'open' END) FROM test.console('console_open', jsonb_build_object(
        'ticket_hash', test.hash(p_ticket), 'peer', '192.0.2.9', 'request', 'req-9', 'host', 'server', 'port', 8500)) c
$$;

DO $$
DECLARE
    r test.reply;
    v_vps text;
    v_id text;
    x record;
BEGIN
    UPDATE node_status SET online = true, last_seen_at = now() + interval '1 hour';
    r := test.vps('ada', 'consoled');
    v_vps := r.body->'vps'->>'id';
    PERFORM test.is((test.ticket('ada', v_vps, 't0')).code, 'conflict', 'no console of a vps that does not run');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');

    r := test.ticket('ada', v_vps, 't1');
    PERFORM test.is((r.status, r.body->>'kind', r.body->>'ticket')::text, '(201,shell,t1)', 'a ticket is shown once');
    v_id := r.body->>'id';
    PERFORM test.ok((r.body->>'expires_at')::timestamptz <= now() + interval '30 seconds', 'and is good for thirty seconds at most');
    PERFORM test.is((test.ticket('bob', v_vps, 't2')).status, 404, 'nobody has a ticket for a foreign vps');
    PERFORM test.is(test.open('other'), 'CR403', 'a ticket that was never made opens nothing');
    PERFORM test.is(test.open('t1'), 'open', 'a ticket opens a console');
    PERFORM test.is(test.open('t1'), 'CR403', 'once');
    SELECT e.data, e.actor, e.peer, e.request_id INTO x FROM events e WHERE action = 'console.opened' AND subject_id = v_id::uuid;
    PERFORM test.is((x.data->>'vps_id', x.data->>'kind', x.actor->>'type', x.peer, x.request_id)::text,
        format('(%s,shell,token,192.0.2.9,req-9)', v_vps), 'its event says who, what and from where');

    PERFORM test.ticket('ada', v_vps, 't3');
    UPDATE consoles SET expires_at = now() WHERE ticket_hash = test.hash('t3');
    PERFORM test.is(test.open('t3'), 'CR403', 'an expired ticket opens nothing');

    -- What the token may when the ticket is used counts, not what it might when it was made.
    PERFORM test.ticket('ada', v_vps, 't4');
    UPDATE tokens SET read_only = true WHERE id = (SELECT token_id FROM consoles WHERE ticket_hash = test.hash('t4'));
    PERFORM test.is(test.open('t4'), 'CR403', 'the ticket of a token that only reads by now opens nothing');
    UPDATE tokens SET read_only = false WHERE id = (SELECT token_id FROM consoles WHERE ticket_hash = test.hash('t4'));
    UPDATE tokens SET expires_at = now() WHERE id = (SELECT token_id FROM consoles WHERE ticket_hash = test.hash('t4'));
    PERFORM test.is(test.open('t4'), 'CR401', 'nor that of one that has ended');
    UPDATE tokens SET expires_at = NULL WHERE id = (SELECT token_id FROM consoles WHERE ticket_hash = test.hash('t4'));
    UPDATE vps SET frozen = true WHERE id = v_vps::uuid;
    PERFORM test.is(test.open('t4'), 'CR409', 'nor one of a vps that was frozen meanwhile');
    UPDATE vps SET frozen = false WHERE id = v_vps::uuid;
    UPDATE node_status SET online = false;
    PERFORM test.is(test.open('t4'), 'CR504', 'nor while the node is away');
    UPDATE node_status SET online = true;
    PERFORM test.is(test.open('t4'), 'open', 'a ticket that was refused for a moment is not used up');

    PERFORM test.is((test.console('console_alive', jsonb_build_object('ids', jsonb_build_array(v_id)))).id, NULL, 'an open console is alive');
    PERFORM test.console('console_close', jsonb_build_object('id', v_id, 'reason', 'left', 'bytes_in', 3, 'bytes_out', 4));
    SELECT e.data, e.actor, e.peer INTO x FROM events e WHERE action = 'console.closed' AND subject_id = v_id::uuid;
    PERFORM test.is((x.data->'after'->>'close_reason', x.data->>'bytes_out', x.actor->>'type', x.peer)::text, '(left,4,token,192.0.2.9)',
        'the event of its end says why and whose it was');
    PERFORM test.console('console_close', jsonb_build_object('id', v_id, 'reason', 'idle'));
    PERFORM test.is((SELECT count(*)::int FROM events WHERE action = 'console.closed' AND subject_id = v_id::uuid), 1, 'a console ends once');
    PERFORM test.is((test.console('console_alive', jsonb_build_object('ids', jsonb_build_array(v_id)))).id, v_id::uuid,
        'a worker hears which of its consoles are not open');

    UPDATE consoles SET seen_at = now() - interval '2 minutes' WHERE ticket_hash = test.hash('t4');
    UPDATE consoles SET created_at = now() - interval '2 hours' WHERE ticket_hash = test.hash('t3');
    PERFORM croft_consoles_expire();
    PERFORM test.is((SELECT close_reason FROM consoles WHERE ticket_hash = test.hash('t4')), 'lost', 'what died with its worker is closed');
    PERFORM test.ok(NOT EXISTS (SELECT FROM consoles WHERE ticket_hash = test.hash('t3')), 'tickets that nobody used are forgotten');

    FOR i IN 1..10 LOOP
        PERFORM test.ticket('ada', v_vps, 'many' || i), test.open('many' || i);
    END LOOP;
    PERFORM test.is((test.ticket('ada', v_vps, 'eleven')).code, 'conflict', 'ten consoles of a vps at once at most');

    -- No tenant has all terminals of a node, nor all consoles of a worker: rows as of its other vps.
    UPDATE consoles SET state = 'closed', closed_at = now(), close_reason = 'left' WHERE state = 'open';
    PERFORM test.ticket('ada', v_vps, 'late');
    INSERT INTO consoles (tenant_id, vps_id, node_id, kind, state, ticket_hash, token_id, expires_at, opened_at, seen_at)
        SELECT v.tenant_id, (SELECT id FROM vps WHERE id <> v.id LIMIT 1), v.node_id, 'shell', 'open', test.hash('node' || i),
            gen_random_uuid(), now(), now(), now() FROM vps v, generate_series(1, 20) i WHERE v.id = v_vps::uuid;
    PERFORM test.is((test.ticket('ada', v_vps, 'later')).body->>'detail', 'Twenty consoles of your vps on this node are open already.',
        'twenty of a tenant on a node at most');
    PERFORM test.is(test.open('late'), 'CR409', 'also with a ticket that was made before');
    UPDATE consoles SET node_id = gen_random_uuid() WHERE state = 'open';
    PERFORM test.is((test.ticket('ada', v_vps, 'other')).status, 201, 'another node has room for it');
    INSERT INTO consoles (tenant_id, vps_id, node_id, kind, state, ticket_hash, token_id, expires_at, opened_at, seen_at)
        SELECT v.tenant_id, v.id, gen_random_uuid(), 'shell', 'open', test.hash('all' || i), gen_random_uuid(), now(), now(), now()
        FROM (SELECT tenant_id, (SELECT o.id FROM vps o WHERE o.id <> w.id LIMIT 1) AS id FROM vps w WHERE w.id = v_vps::uuid) v, generate_series(1, 30) i;
    PERFORM test.is((test.ticket('ada', v_vps, 'more')).body->>'detail', 'Fifty consoles of your vps are open already.', 'fifty of a tenant at most');
    UPDATE consoles SET state = 'closed', closed_at = now(), close_reason = 'left' WHERE state = 'open';

    -- A node that is revoked sees nothing of what is typed any more, also where the notice of it was missed.
    PERFORM test.is(test.open('other'), 'open', 'the tickets of before are good again');
    SELECT k.id INTO v_id FROM consoles k WHERE k.state = 'open';
    PERFORM test.is((test.console('console_alive', jsonb_build_object('ids', jsonb_build_array(v_id)))).id, NULL, 'its worker goes on');
    CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT c.serial, c.revoked_at FROM node_certificates c;
    UPDATE node_certificates SET revoked_at = now() WHERE node_id = (SELECT k.node_id FROM consoles k WHERE k.id = v_id::uuid) AND revoked_at IS NULL;
    PERFORM test.is((test.console('console_alive', jsonb_build_object('ids', jsonb_build_array(v_id)))).id, v_id::uuid,
        'a worker hears which of its consoles are of a node that is out');
    UPDATE node_certificates c SET revoked_at = k.revoked_at FROM kept k WHERE k.serial = c.serial;
    UPDATE consoles SET state = 'closed', closed_at = now(), close_reason = 'node' WHERE state = 'open';
    PERFORM test.is(has_table_privilege('croft_tenant', 'consoles', 'SELECT'), false, 'tenants do not see the rows');
END
$$;
