-- Webhooks: deliveries come with their events, are leased, retried, given up; secrets stay inside.
CREATE FUNCTION test.claim(p_limit int DEFAULT 16) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM croft_webhook_claim(jsonb_build_object('limit', p_limit, 'lease_s', 60)) c
$$;
CREATE FUNCTION test.report(p_delivery text, p_claim text, p_status int) RETURNS jsonb LANGUAGE sql AS $$
    SELECT croft_webhook_done(jsonb_build_object('delivery', p_delivery, 'claim', p_claim, 'status', p_status, 'error', NULL,
        'duration_ms', 5, 'response', 'ok'))
$$;

DO $$
DECLARE
    r test.reply;
    q test.reply;
    c jsonb;
    v_hook text;
    v_secret text := 'whsec_' || encode(sha256('s'), 'base64');
BEGIN
    r := test.api('ada', 'webhook_create', jsonb_build_object('body', jsonb_build_object('url', 'https://example.org/h',
        'events', '["vps.*"]'::jsonb, 'secret', v_secret, 'sealed', test.sealed('s')), 'idempotency', '{"key":"hook","hash":"h"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'secret')::text, format('(201,%s)', v_secret), 'a webhook is made and its secret shown');
    v_hook := r.body->>'id';
    q := test.api('ada', 'webhook_create', jsonb_build_object('body', jsonb_build_object('url', 'https://example.org/h',
        'secret', v_secret, 'sealed', test.sealed('s')), 'idempotency', '{"key":"hook","hash":"h"}'::jsonb));
    PERFORM test.is((q.status, q.body->'secret', q.body->>'id')::text, format('(201,null,%s)', v_hook), 'but not in a replay');
    r := test.api('ada', 'webhook_create', jsonb_build_object('body', jsonb_build_object('url', 'https://example.org/h',
        'events', '["DROP TABLE"]'::jsonb, 'secret', v_secret, 'sealed', test.sealed('s'))));
    PERFORM test.is((r.status, r.pointer)::text, '(422,/events)', 'what it is told of are actions');
    PERFORM test.is((test.api('bob', 'webhook_read', jsonb_build_object('id', v_hook))).status, 404, 'another tenant does not see it');
    PERFORM test.is((test.api('bob', 'webhook_delete', jsonb_build_object('id', v_hook))).status, 404, 'nor delete it');
    PERFORM test.is((test.api('bob', 'webhook_delivery_list', jsonb_build_object('id', v_hook))).status, 404, 'nor read its deliveries');

    -- Events of its tenant and its kinds, and no others.
    PERFORM croft_event('vps.tested', test.get('ada')::uuid, 'vps', NULL, '{"n":1}');
    PERFORM croft_event('token.tested', test.get('ada')::uuid, 'token', NULL);
    PERFORM croft_event('vps.tested', test.get('bob')::uuid, 'vps', NULL);
    PERFORM test.is((SELECT string_agg(action, ' ') FROM webhook_deliveries), 'vps.tested', 'a delivery is written with its event, if it is asked for');
    c := test.claim();
    PERFORM test.is(jsonb_array_length(c), 1, 'which a deliverer takes');
    PERFORM test.is((c->0->>'secret', (c->0->>'body')::jsonb->>'type', (c->0->>'body')::jsonb->>'specversion',
        (c->0->>'body')::jsonb->'data'->'data'->>'n')::text, format('(%s,croft.vps.tested,1.0,1)', test.sealed('s')), 'a CloudEvent with the event as its data');
    PERFORM test.is(jsonb_array_length(test.claim()), 0, 'and nobody else while its lease lasts');
    UPDATE webhook_deliveries SET next_at = now() - interval '1 second';
    q.body := test.claim();
    PERFORM test.is((jsonb_array_length(q.body), q.body->0->>'delivery_id')::text, format('(1,%s)', c->0->>'delivery_id'), 'after which it is taken again, under the same id');
    PERFORM test.is(test.report(c->0->>'delivery_id', c->0->>'claim_id', 200), '{"late": true}', 'an attempt whose lease went to another is late');
    PERFORM test.is((test.api('ada', 'webhook_delivery_read', jsonb_build_object('id', c->0->'delivery_id'))).body->>'state', 'pending',
        'what a late one says is logged and decides nothing');
    PERFORM test.report(q.body->0->>'delivery_id', q.body->0->>'claim_id', 500);
    r := test.api('ada', 'webhook_delivery_read', jsonb_build_object('id', c->0->'delivery_id'));
    PERFORM test.is((r.body->>'state', r.body->>'attempts', jsonb_array_length(r.body->'log'))::text, '(pending,2,2)', 'a failure is logged and tried again');
    PERFORM test.ok((r.body->>'next_at')::timestamptz > now() + interval '4 minutes', 'after a pause that grows');
    PERFORM test.ok((SELECT failing_since IS NOT NULL FROM webhooks), 'its webhook is failing');
    r := test.api('ada', 'webhook_redeliver', jsonb_build_object('id', c->0->'delivery_id'));
    c := test.claim();
    PERFORM test.is((r.status, jsonb_array_length(c), c->0->>'attempt')::text, '(202,1,1)', 'ordered again it is sent at once');
    PERFORM test.report(c->0->>'delivery_id', c->0->>'claim_id', 204);
    r := test.api('ada', 'webhook_delivery_list', jsonb_build_object('id', v_hook, 'query', '{"state":"delivered"}'::jsonb));
    PERFORM test.is((jsonb_array_length(r.body->'items'), r.body->'items'->0->>'next_at')::text, '(1,)', 'and delivered');
    PERFORM test.ok((SELECT failing_since IS NULL FROM webhooks), 'which ends the failing');

    -- No more than four at once for one webhook.
    PERFORM croft_event('vps.tested', test.get('ada')::uuid, 'vps', NULL) FROM generate_series(1, 9);
    PERFORM test.is(jsonb_array_length(test.claim()), 4, 'four deliveries of one webhook are under way at once');
    PERFORM test.is(jsonb_array_length(test.claim()), 0, 'and no more');
    UPDATE webhook_deliveries SET attempts = 10 WHERE claim IS NOT NULL;
    PERFORM test.report(d.id::text, d.claim::text, 500) FROM webhook_deliveries d WHERE d.claim IS NOT NULL;
    PERFORM test.is((SELECT count(*) FROM webhook_deliveries WHERE state = 'failed' AND ended_at IS NOT NULL), 4::bigint, 'the tenth failure is the last');
    UPDATE webhooks SET failing_since = now() - interval '4 days';
    c := test.claim(1);
    PERFORM test.report(c->0->>'delivery_id', c->0->>'claim_id', 500);
    r := test.api('ada', 'webhook_read', jsonb_build_object('id', v_hook));
    PERFORM test.is((r.body->>'enabled', r.body->>'disabled_reason')::text, '(false,"No delivery has succeeded for three days.")', 'after days of failing it is disabled');
    PERFORM test.is((SELECT data->'after'->'enabled' FROM events WHERE action = 'webhook.disabled'), 'false', 'with an event');
    PERFORM test.is(jsonb_array_length(test.claim()), 0, 'and told nothing more');
    PERFORM test.is((test.api('ada', 'webhook_test', jsonb_build_object('id', v_hook))).status, 409, 'nor tested');
    r := test.api('ada', 'webhook_update', jsonb_build_object('id', v_hook, 'if_match', r.etag, 'body', '{"enabled":true}'::jsonb));
    PERFORM test.is((r.status, r.body->>'failing_since')::text, '(200,)', 'until it is enabled again');
    PERFORM test.is((test.api('ada', 'webhook_update', jsonb_build_object('id', v_hook, 'if_match', '"1"', 'body', '{"enabled":true}'::jsonb))).status, 412, 'with the ETag that was read');
    PERFORM test.is((test.api('ada', 'webhook_test', jsonb_build_object('id', v_hook))).status, 202, 'a test is ordered');

    r := test.api('ada', 'webhook_rotate', jsonb_build_object('id', v_hook, 'body', jsonb_build_object('secret', 'whsec_t', 'sealed', test.sealed('t'))));
    UPDATE webhook_deliveries SET next_at = now() + interval '1 day' WHERE state = 'pending' AND action <> 'webhook.test';
    c := test.claim();
    PERFORM test.is((r.status, c->0->>'secret', c->0->>'old_secret')::text, format('(200,%s,%s)', test.sealed('t'), test.sealed('s')), 'after a rotation both secrets sign');
    PERFORM test.is((c->0->>'body')::jsonb->>'type', 'croft.webhook.test', 'a test is an event of its own');
    PERFORM test.report(c->0->>'delivery_id', c->0->>'claim_id', 410);
    PERFORM test.is((test.api('ada', 'webhook_read', jsonb_build_object('id', v_hook))).body->>'enabled', 'false', 'a target that is gone is told nothing more');

    UPDATE webhook_deliveries SET created_at = now() - interval '31 days';
    PERFORM croft_webhook_expire();
    PERFORM test.is((SELECT count(*) FROM webhook_deliveries), 0::bigint, 'deliveries are kept for thirty days');
    PERFORM test.is((test.api('ada', 'webhook_delete', jsonb_build_object('id', v_hook))).status, 204, 'a webhook is deleted');
    PERFORM test.is((test.api('ada', 'webhook_list')).body->'items', '[]', 'and gone');

    -- Both tenants have one, with a delivery, for the tests of the boundary.
    FOREACH v_hook IN ARRAY ARRAY['ada', 'bob'] LOOP
        r := test.api(v_hook, 'webhook_create', jsonb_build_object('body', jsonb_build_object('url', 'https://example.org/h', 'secret', v_secret, 'sealed', test.sealed('s'))));
        PERFORM test.api(v_hook, 'webhook_test', jsonb_build_object('id', r.body->'id'));
    END LOOP;
END
$$;

-- A reseller hears of the tenants below it, if it asks to, and of nobody else's.
DO $$
DECLARE
    v_reseller uuid := test.tenant('hears', '{}', croft_root(), 'reseller');
    v_child uuid := test.tenant('hears-child', '{"vps":null}', v_reseller);
    v_other uuid := test.tenant('hears-other', '{}');
    r test.reply;
    c jsonb;
    v_hook text;
BEGIN
    r := test.api('hears-child', 'webhook_create', jsonb_build_object('body', jsonb_build_object('url', 'https://example.org/h', 'include_children', true,
        'secret', 's', 'sealed', test.sealed('s'))));
    PERFORM test.is((r.status, r.pointer)::text, '(422,/include_children)', 'only a reseller has tenants below it');
    r := test.api('hears', 'webhook_create', jsonb_build_object('body', jsonb_build_object('url', 'https://example.org/h', 'events', '["token.*"]'::jsonb,
        'secret', 's', 'sealed', test.sealed('s'))));
    PERFORM test.is((r.status, r.body->'include_children')::text, '(201,false)', 'unasked it is told of its own');
    v_hook := r.body->>'id';
    PERFORM test.make('hears-child', 'hears-1', '{}');
    PERFORM test.is((SELECT count(*) FROM webhook_deliveries WHERE webhook_id = v_hook::uuid), 0::bigint, 'and of nothing below');
    r := test.api('hears', 'webhook_update', jsonb_build_object('id', v_hook, 'if_match', '*', 'body', '{"include_children":true}'::jsonb));
    PERFORM test.is((r.status, r.body->'include_children')::text, '(200,true)', 'it asks for more');
    PERFORM test.make('hears-child', 'hears-2', '{}');
    PERFORM test.make('hears-other', 'hears-3', '{}');
    PERFORM test.make('hears', 'hears-4', '{}');
    SELECT jsonb_agg(x ORDER BY x->>'delivery_id') INTO c FROM jsonb_array_elements(test.claim(50)) x WHERE x->>'target' = 'https://example.org/h'
        AND (x->>'body')::jsonb->>'type' = 'croft.token.created';
    PERFORM test.is((SELECT string_agg((x->>'body')::jsonb->>'source', ' ' ORDER BY x->>'delivery_id') FROM jsonb_array_elements(c) x),
        format('/tenants/%s /tenants/%s', v_child, v_reseller), 'what happens below it and in it, each under its own name');
    PERFORM test.is((SELECT count(*) FROM webhook_deliveries WHERE tenant_id <> v_reseller AND webhook_id = v_hook::uuid), 0::bigint,
        'the deliveries are the reseller''s');
    PERFORM test.is(jsonb_array_length((test.api('hears-child', 'webhook_list')).body->'items'), 0, 'and nothing of them is seen below');
END
$$;
