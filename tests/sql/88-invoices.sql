-- What pays an invoice, in which order; void; promotions; prepaid; providers.
DO $$
DECLARE
    b uuid := test.buyer('payer', 100);
    i invoices;
    r test.reply;
    v_first text;
    v_promotion text;
BEGIN
    -- Credits: the one that expires first is used first, then money.
    r := test.api('op', 'admin_credit_grant', jsonb_build_object('id', b, 'body', jsonb_build_object('amount', '30', 'note', 'late')));
    PERFORM test.is((r.status, r.body->>'remaining')::text, '(201,30.00)', 'a credit is granted');
    r := test.api('op', 'admin_credit_grant', jsonb_build_object('id', b, 'body', jsonb_build_object('amount', '20', 'expires_at', to_char(now() + interval '1 day', 'YYYY-MM-DD"T"HH24:MI:SSOF":00"'))));
    v_first := r.body->>'id';
    PERFORM test.is(r.status, 201, 'another one expires');
    r := test.api('op', 'admin_credit_grant', jsonb_build_object('id', b, 'body', '{"amount":"1","expires_at":"2020-01-01T00:00:00Z"}'::jsonb));
    PERFORM test.is((r.status, r.pointer)::text, '(422,/expires_at)', 'not in the past');
    r := test.api('op', 'admin_promotion_create', '{"body":{"code":"WELCOME","amount":"7.00","credit_days":30,"max_uses":1}}');
    PERFORM test.is((r.status, r.body->>'uses')::text, '(201,0)', 'a promotion');
    v_promotion := r.body->>'id';
    r := test.api('payer', 'credit_redeem', '{"body":{"code":"welcome"}}');
    PERFORM test.is((r.status, r.body->>'amount', r.body->>'source')::text, '(201,7.00,promotion)', 'its code becomes a credit');
    PERFORM test.is((test.api('bob', 'credit_redeem', '{"body":{"code":"WELCOME"}}')).status, 422, 'as often as it may');
    UPDATE promotions SET max_uses = NULL;
    PERFORM test.is((test.api('payer', 'credit_redeem', '{"body":{"code":"WELCOME"}}')).status, 409, 'once a tenant');
    PERFORM test.is((SELECT uses FROM promotions WHERE id = v_promotion::uuid), 1, 'a code that was not taken counts for nothing');
    PERFORM test.is((test.api('op', 'admin_promotion_update', jsonb_build_object('id', v_promotion, 'if_match', '*', 'body', '{"active":false}'::jsonb))).status, 200, 'it ends');
    PERFORM test.api('op', 'admin_payment_record', jsonb_build_object('body', jsonb_build_object('tenant_id', b, 'amount', '10', 'reference', 'p1')));
    i := test.invoice(b);
    PERFORM test.is((i.total, i.settled, i.state)::text, '(119.00,67.00,final)', 'all of it is used for the invoice');
    PERFORM test.is((SELECT string_agg(amount::text, ' ' ORDER BY id) FROM settlements WHERE invoice_id = i.id), '20 7.00 30 10', 'the one that expires first is used first, money last');
    PERFORM test.is((SELECT sum(remaining) FROM credits WHERE tenant_id = b), 0::numeric, 'nothing is left of it');
    PERFORM test.money('after credits');

    -- Void: what paid it comes back.
    r := test.api('op', 'admin_invoice_void', jsonb_build_object('id', i.id, 'body', '{"reason":"never sent"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'state', r.body->>'open', r.body->>'number')::text, format('(200,void,0.00,%s)', i.number), 'void keeps its number');
    PERFORM test.is((SELECT sum(remaining) FROM credits WHERE tenant_id = b), 57::numeric, 'credits come back');
    PERFORM test.is((test.api('payer', 'billing_account_read', '{}')).body->>'balance', '10.00', 'and money');
    PERFORM test.is((test.api('op', 'admin_invoice_void', jsonb_build_object('id', i.id, 'body', '{"reason":"again"}'::jsonb))).status, 409, 'once');
    PERFORM test.money('after void');
    PERFORM test.is((SELECT count(*) FROM charges WHERE account_id = b AND invoice_id = i.id), 1::bigint, 'what was charged on it is not asked for again');

    -- Time passes: what is not used is gone.
    PERFORM croft_credits_expire(100, now() + interval '2 days');
    PERFORM test.is((SELECT remaining::text || ' ' || (expired_at IS NOT NULL) FROM credits WHERE id = v_first::uuid), '0 true', 'a credit expires');
    PERFORM test.is((SELECT count(*) FROM events WHERE action = 'credit.expired' AND tenant_id = b), 1::bigint, 'which is an event');
    PERFORM test.money('after expiry');

    -- Amounts that are none.
    PERFORM test.is((q.status, q.pointer)::text, '(422,/amount)', 'refused: ' || x.amount)
    FROM unnest(ARRAY['0', '-1', '1e3', '1.005', '', 'NaN', '10000000000']) x (amount),
        LATERAL test.api('op', 'admin_payment_record', jsonb_build_object('body', jsonb_build_object('tenant_id', b, 'amount', x.amount, 'reference', 'x'))) q;
END
$$;

-- A provider: what it says counts once, also said twice, late or otherwise.
DO $$
DECLARE
    b uuid := test.buyer('online', 10);
    i invoices := test.invoice(b);
    r test.reply;
    v_provider uuid;
    v_payment uuid;
BEGIN
    r := test.api('op', 'admin_payment_provider_create', jsonb_build_object('body', jsonb_build_object('kind', 'webhook', 'title', 'Cards',
        'checkout_url', 'https://pay.example.org/start', 'secret', 'whsec_x', 'sealed', 'v1.k.' || repeat('A', 60))));
    PERFORM test.is((r.status, r.body->>'secret')::text, '(201,whsec_x)', 'a provider is made, its secret shown once');
    v_provider := r.body->>'id';
    PERFORM test.is((test.api('op', 'admin_payment_provider_update', jsonb_build_object('id', v_provider, 'if_match', '*', 'body', '{"title":"Card"}'::jsonb))).body->>'title', 'Card', 'and changed');
    PERFORM test.is((test.api('online', 'payment_provider_list', '{}')).body->'items'->0->>'title', 'Card', 'the buyer sees it');
    r := test.api('online', 'payment_create', jsonb_build_object('body', jsonb_build_object('provider_id', v_provider, 'amount', '11.90', 'invoice_id', i.id)));
    PERFORM test.is((r.status, r.body->>'state')::text, '(201,pending)', 'a payment is started');
    v_payment := r.body->>'id';
    PERFORM test.is(r.body->>'checkout_url', format('https://pay.example.org/start?payment=%s&amount=11.90&currency=EUR', v_payment), 'and goes on there');
    PERFORM test.is((SELECT state FROM invoices WHERE id = i.id), 'final', 'nothing is paid by that');
    -- A hundred that nobody finished.
    INSERT INTO payments (tenant_id, seller_id, provider_id, method, amount, currency, created_at)
        SELECT b, croft_root(), v_provider, 'webhook', 1, 'EUR', now() - interval '31 days' FROM generate_series(1, 100);
    PERFORM test.is((test.api('online', 'payment_create', jsonb_build_object('body', jsonb_build_object('provider_id', v_provider, 'amount', '1')))).status, 201,
        'what was begun a month ago keeps nobody from paying');
    PERFORM test.is((SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, count(*) AS n FROM payments WHERE tenant_id = b GROUP BY state) s),
        'failed 100, pending 2', 'it has failed');
    PERFORM test.is((SELECT count(*) FROM events WHERE action = 'payment.failed' AND tenant_id = b), 100::bigint, 'which are events');
    FOR n IN 1..3 LOOP
        PERFORM croft_payment_notice(jsonb_build_object('provider_id', v_provider, 'message_id', 'm' || least(n, 2), 'body', jsonb_build_object('type', 'payment.succeeded',
            'data', jsonb_build_object('payment_id', v_payment, 'reference', 'ch_1', 'amount', '11.90', 'currency', 'EUR'))));
    END LOOP;
    PERFORM test.is((SELECT state FROM invoices WHERE id = i.id), 'paid', 'when the provider says so it is paid');
    PERFORM test.is((SELECT count(*) FROM ledger_entries WHERE tenant_id = b AND kind = 'payment'), 1::bigint, 'once, however often it is said');
    PERFORM test.money('after a notice');
    PERFORM croft_payment_notice(jsonb_build_object('provider_id', v_provider, 'message_id', 'm9', 'body', jsonb_build_object('type', 'payment.refunded',
        'data', jsonb_build_object('reference', 'ch_1', 'amount', '11.90', 'currency', 'EUR'))));
    PERFORM test.is((SELECT state || ' ' || settled FROM invoices WHERE id = i.id), 'final 0.00', 'what the provider takes back is owed again');
    PERFORM test.money('after a chargeback');
    BEGIN
        PERFORM croft_payment_notice(jsonb_build_object('provider_id', v_provider, 'message_id', 'm10', 'body', jsonb_build_object('type', 'payment.succeeded',
            'data', jsonb_build_object('tenant_id', test.get('bob'), 'reference', 'ch_2', 'amount', '5', 'currency', 'USD'))));
        PERFORM test.ok(false, 'another currency is refused');
    EXCEPTION WHEN SQLSTATE 'CR422' THEN
        PERFORM test.ok(true, 'another currency is refused');
    END;
END
$$;

-- A reseller sells to the tenants below it, and the operator says who sells.
DO $$
DECLARE
    v_reseller uuid := test.tenant('invoiced shop', '{}', croft_root(), 'reseller');
    c uuid := test.tenant('invoiced shopper', '{}', v_reseller);
    r test.reply;
BEGIN
    PERFORM test.is((test.api('op', 'admin_seller_set', '{"body":{"company":"Croft"}}')).status, 200, 'the operator says who it is');
    PERFORM test.is((test.api('op', 'admin_seller_set', '{"body":{"company":"Croft"}}')).status, 428, 'once it is there by its version');
    r := test.api('invoiced shop', 'seller_set', '{"body":{"company":"Shop","number_prefix":"S-"}}');
    PERFORM test.is((r.status, (test.api('invoiced shop', 'seller_read', '{}')).body->>'company')::text, '(200,Shop)', 'a reseller, too');
    PERFORM test.is((test.api('bob', 'seller_set', '{"body":{"company":"Bob"}}')).status, 403, 'nobody else');
    r := test.api('invoiced shop', 'child_account_set', jsonb_build_object('id', c, 'if_match', '*', 'body', '{"country":"DE","due_days":3}'::jsonb));
    PERFORM test.is((r.status, r.body->>'due_days')::text, '(200,3)', 'it sets the terms of those below');
    r := test.api('invoiced shop', 'child_account_set', jsonb_build_object('id', c, 'if_match', '*', 'body', '{"country":"xx"}'::jsonb));
    PERFORM test.is((r.status, r.pointer)::text, '(422,/country)', 'of a country');
    r := test.api('invoiced shopper', 'billing_account_update', jsonb_build_object('if_match', '*', 'body', '{"company":"Me","terms":"prepaid"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'company', r.body->>'terms')::text, '(200,Me,postpaid)', 'who buys says who it is, not on what terms');
    PERFORM test.is((test.api('invoiced shop', 'child_payment_record', jsonb_build_object('id', c, 'body', '{"amount":"5","reference":"x"}'::jsonb))).status, 201, 'it takes payments');
    PERFORM test.is((test.api('invoiced shop', 'child_credit_grant', jsonb_build_object('id', c, 'body', '{"amount":"5"}'::jsonb))).status, 201, 'and gives credits');
    PERFORM test.is((test.api('invoiced shop', 'child_account_read', jsonb_build_object('id', c))).body->>'balance', '5.00', 'and sees what is left');
    PERFORM test.is((test.api('invoiced shop', 'child_account_read', jsonb_build_object('id', test.get('bob')))).status, 404, 'of those below alone');
END
$$;

-- What a reseller has sold it finalises, voids, corrects and gives back itself: that, and nothing else.
DO $$
DECLARE
    v_shop uuid := test.tenant('finishing shop', '{}', croft_root(), 'reseller');
    v_other uuid := test.tenant('another finishing shop', '{}', croft_root(), 'reseller');
    c uuid := test.tenant('finishing shopper', '{}', v_shop);
    v_own uuid; -- what the operator sold to the reseller
    v_draft uuid;
    v_payment text;
    v_promotion text;
    v_month uuid;
    r test.reply;
BEGIN
    PERFORM test.charge(v_shop, '2026-01-01', 'k', 10), test.charge(c, '2026-01-01', 'k', 10);
    v_own := (croft_invoice_draft(croft_account_lock(v_shop), '2026-01-01')).id;
    v_draft := (croft_invoice_draft(croft_account_lock(c), '2026-01-01')).id;
    PERFORM test.is((test.api(x.who, x.what, jsonb_build_object('id', x.id, 'body', '{"reason":"no"}'::jsonb))).status, 404, format('%s is not for %s', x.what, x.who))
    FROM (SELECT s.what, w.who, w.id FROM unnest(ARRAY['child_invoice_finalise', 'child_invoice_void', 'child_credit_note_create']) s (what),
        (VALUES ('finishing shop', v_own), ('another finishing shop', v_draft), ('finishing shopper', v_draft), ('bob', v_draft), ('finishing shop', gen_random_uuid())) w (who, id)) x;
    r := test.api('finishing shop', 'child_invoice_finalise', jsonb_build_object('id', v_draft));
    PERFORM test.is((r.status, r.body->>'state', r.body->>'total')::text, '(200,final,11.90)', 'its own it finalises');
    PERFORM test.is((test.api('finishing shop', 'child_invoice_finalise', jsonb_build_object('id', v_draft))).status, 409, 'once');
    r := test.api('finishing shop', 'child_invoice_void', jsonb_build_object('id', v_draft, 'body', '{"reason":"never sent"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'state', r.body->>'reason')::text, '(200,void,"never sent")', 'and voids');
    PERFORM test.is((test.api(w.who, w.what, jsonb_build_object('id', v_draft, 'body', '{"reason":"again"}'::jsonb))).status, 404, w.what || ' is not for ' || w.who)
    FROM (VALUES ('another finishing shop', 'child_invoice_void'), ('finishing shopper', 'child_credit_note_create')) w (who, what);
    PERFORM test.charge(c, '2026-02-01', 'k', 20);
    v_draft := (croft_invoice_draft(croft_account_lock(c), '2026-02-01')).id;
    PERFORM test.api('finishing shop', 'child_invoice_finalise', jsonb_build_object('id', v_draft));
    r := test.api('finishing shop', 'child_credit_note_create', jsonb_build_object('id', v_draft, 'body', '{"reason":"not as agreed"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'total', r.body->>'state', r.location = '/v1/invoices/' || (r.body->>'id'))::text, '(201,-23.80,paid,t)', 'and corrects');

    -- What was paid to it.
    v_payment := (test.api('finishing shop', 'child_payment_record', jsonb_build_object('id', c, 'body', '{"amount":"5","reference":"till"}'::jsonb))).body->>'id';
    r := test.api('finishing shop', 'child_payment_list', jsonb_build_object('id', c));
    PERFORM test.is((r.status, jsonb_array_length(r.body->'items'), r.body->'items'->0->>'id' = v_payment)::text, '(200,1,t)', 'it sees what was paid to it');
    PERFORM test.is((test.api('finishing shop', 'payment_read', jsonb_build_object('id', v_payment))).status, 200, 'one by one, too');
    PERFORM test.is((test.api(w.who, w.what, jsonb_build_object('id', w.id, 'body', '{"amount":"1","reason":"no"}'::jsonb))).status, 404, format('%s is not for %s', w.what, w.who))
    FROM (VALUES ('another finishing shop', 'child_payment_list', c::text), ('finishing shopper', 'child_payment_list', c::text), ('another finishing shop', 'payment_read', v_payment),
        ('another finishing shop', 'child_payment_refund', v_payment), ('finishing shopper', 'child_payment_refund', v_payment)) w (who, what, id);
    r := test.api('finishing shop', 'child_payment_refund', jsonb_build_object('id', v_payment, 'body', '{"amount":"2","reason":"moved"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'refunded', r.body->>'unallocated')::text, '(200,2.00,3.00)', 'and gives back what is left of it');
    PERFORM test.is((test.api('finishing shop', 'child_payment_refund', jsonb_build_object('id', v_payment, 'body', '{"amount":"4","reason":"more"}'::jsonb))).status, 409, 'no more than that');

    -- Codes of its own.
    r := test.api('finishing shop', 'promotion_create', '{"body":{"code":"SHOPPING","amount":"7.00"}}');
    PERFORM test.is((r.status, r.body->>'seller_id' = v_shop::text)::text, '(201,t)', 'it makes codes');
    v_promotion := r.body->>'id';
    PERFORM test.is((test.api('finishing shopper', 'promotion_create', '{"body":{"code":"SHOPPING","amount":"7.00"}}')).status, 403, 'who sells nothing does not');
    PERFORM test.is((SELECT string_agg(jsonb_array_length((test.api(w, 'promotion_list', '{}')).body->'items')::text, ' ' ORDER BY n)
        FROM unnest(ARRAY['finishing shop', 'another finishing shop', 'finishing shopper']) WITH ORDINALITY x (w, n)), '1 0 0', 'which nobody else sees');
    PERFORM test.is((test.api('finishing shopper', 'credit_redeem', '{"body":{"code":"SHOPPING"}}')).status, 201, 'who is below it takes one');
    PERFORM test.is((test.api('bob', 'credit_redeem', '{"body":{"code":"SHOPPING"}}')).status, 422, 'nobody else');
    PERFORM test.is((test.api('another finishing shop', 'promotion_update', jsonb_build_object('id', v_promotion, 'if_match', '*', 'body', '{"active":false}'::jsonb))).status, 404, 'nor ends it');
    PERFORM test.is((test.api('finishing shop', 'promotion_update', jsonb_build_object('id', v_promotion, 'if_match', '*', 'body', '{"active":false}'::jsonb))).body->>'active', 'false', 'it ends them');

    -- Of billing whoever is stopped is let in, to pay.
    PERFORM test.api('op', 'admin_tenant_suspend', jsonb_build_object('id', v_shop, 'body', '{"reason":"unpaid"}'::jsonb));
    PERFORM set_config('croft.tenant', v_shop::text, true);
    BEGIN
        PERFORM croft_promotion_create('{"body":{"code":"STOPPED","amount":"7.00"}}');
        PERFORM test.ok(false, 'who is suspended makes no codes');
    EXCEPTION WHEN SQLSTATE 'CR403' THEN
        PERFORM test.ok(true, 'who is suspended makes no codes');
    END;
    PERFORM set_config('croft.tenant', '', true);
    PERFORM test.is((test.api('op', 'admin_tenant_resume', jsonb_build_object('id', v_shop))).status, 200, 'until it has paid');

    -- A month that waits for somebody.
    INSERT INTO month_ends (tenant_id, month, currency, step, state, review, error) VALUES (c, '2025-12-01', 'EUR', 'check', 'review', 'Look at it.', 'relation "x" is gone')
        RETURNING id INTO v_month;
    r := test.api('finishing shop', 'child_month_end_list', '{"query":{"state":"review"}}');
    PERFORM test.is((jsonb_array_length(r.body->'items'), r.body->'items'->0->>'review', r.body->'items'->0->>'error')::text,
        '(1,"Look at it.","A step failed and is tried again.")', 'it sees a month that waits, and not what the server is made of');
    PERFORM test.is((test.api(w, 'child_month_end_list', '{}')).body->'items', '[]'::jsonb, w || ' does not') FROM unnest(ARRAY['another finishing shop', 'finishing shopper']) w;
    PERFORM test.is((test.api(w.who, s.what, jsonb_build_object('id', v_month))).status, 404, format('%s is not for %s', s.what, w.who))
    FROM unnest(ARRAY['child_month_end_approve', 'child_month_end_retry']) s (what), unnest(ARRAY['another finishing shop', 'finishing shopper', 'bob']) w (who);
    r := test.api('finishing shop', 'child_month_end_approve', jsonb_build_object('id', v_month));
    PERFORM test.is((r.status, r.body->>'state', r.body->>'step')::text, '(200,active,finalise)', 'and approves it');
    PERFORM test.is((test.api('finishing shop', 'child_month_end_approve', jsonb_build_object('id', v_month))).status, 409, 'once');
    PERFORM test.is((test.api('finishing shop', 'child_month_end_retry', jsonb_build_object('id', v_month))).body->>'step', 'rate', 'or has it tried again');
    DELETE FROM month_ends WHERE id = v_month;

    -- One that is suspended bills nobody.
    PERFORM test.api('op', 'admin_tenant_suspend', jsonb_build_object('id', v_shop, 'body', '{"reason":"test"}'::jsonb));
    PERFORM test.is((test.api('finishing shop', 'child_invoice_void', jsonb_build_object('id', v_draft, 'body', '{"reason":"late"}'::jsonb))).status, 403, 'suspended it does none of that');
    PERFORM test.api('op', 'admin_tenant_resume', jsonb_build_object('id', v_shop));
    PERFORM test.money('after a reseller');
END
$$;

-- Prepaid: warned, in grace, suspended, ended; each once, each an event and a mail; paying goes back.
DO $$
DECLARE
    b uuid := test.buyer('prepaid', 10);
    v_at timestamptz := now();
    r test.reply;
BEGIN
    r := test.api('op', 'admin_account_set', jsonb_build_object('id', b, 'if_match', '*', 'body', '{"terms":"prepaid","warn_below":"5","grace_s":3600,"end_after_s":7200}'::jsonb));
    PERFORM test.is((r.status, r.body->>'prepaid_state', r.body->>'available')::text, '(200,grace,-11.90)', 'an account that owes is in grace');
    PERFORM test.is((test.vps('prepaid', 'more')).code, 'balance_exhausted', 'and gets nothing new');
    PERFORM test.api('op', 'admin_payment_record', jsonb_build_object('body', jsonb_build_object('tenant_id', b, 'amount', '20', 'reference', 'up 1')));
    PERFORM test.is((SELECT prepaid_state FROM billing_accounts WHERE tenant_id = b), 'ok', 'paying brings it back');
    PERFORM test.ok((test.vps('prepaid', 'more', '{"query":{"dry_run":"true"}}')).code IS DISTINCT FROM 'balance_exhausted', 'and it may order again');
    PERFORM test.charge(b, '2026-02-01', 'k2', 4);
    PERFORM croft_prepaid_look(b, v_at);
    PERFORM test.is((SELECT prepaid_state FROM billing_accounts WHERE tenant_id = b), 'warned', 'little left warns');
    PERFORM test.charge(b, '2026-02-01', 'k3', 4);
    PERFORM croft_prepaid_look(b, v_at), croft_prepaid_look(b, v_at + interval '59 minutes');
    PERFORM test.is((SELECT prepaid_state FROM billing_accounts WHERE tenant_id = b), 'grace', 'nothing left is grace');
    PERFORM croft_prepaid_look(b, v_at + interval '60 minutes'), croft_prepaid_look(b, v_at + interval '61 minutes');
    PERFORM test.is((SELECT a.prepaid_state || ' ' || t.state || ' ' || t.suspended_by FROM billing_accounts a JOIN tenants t ON t.id = a.tenant_id WHERE t.id = b),
        'suspended suspended billing', 'then it is suspended');
    PERFORM test.is((test.api('prepaid', 'payment_list', '{}')).status, 200, 'and still sees its payments');
    PERFORM test.api('op', 'admin_payment_record', jsonb_build_object('body', jsonb_build_object('tenant_id', b, 'amount', '20', 'reference', 'up 2')));
    PERFORM test.is((SELECT a.prepaid_state || ' ' || t.state FROM billing_accounts a JOIN tenants t ON t.id = a.tenant_id WHERE t.id = b), 'ok active', 'paying resumes it');
    PERFORM test.charge(b, '2026-02-01', 'k4', 100);
    PERFORM croft_prepaid_look(b, v_at), croft_prepaid_look(b, v_at + interval '1 hour'), croft_prepaid_look(b, v_at + interval '3 hours');
    PERFORM test.is((SELECT a.prepaid_state || ' ' || t.state FROM billing_accounts a JOIN tenants t ON t.id = a.tenant_id WHERE t.id = b), 'ended closing', 'and at last it ends');
    PERFORM test.is((SELECT string_agg(kind, ' ' ORDER BY id) FROM mails WHERE to_address = 'prepaid@example.org' AND kind LIKE 'prepaid%'),
        'prepaid_grace prepaid_warned prepaid_grace prepaid_suspended prepaid_grace prepaid_suspended prepaid_ended', 'each is a mail, once');
    PERFORM test.is((SELECT string_agg(action, ' ' ORDER BY id) FROM events WHERE subject_id = b AND action ~ '^billing_account.(warned|grace|suspended|ended|recovered)'),
        'billing_account.grace billing_account.recovered billing_account.warned billing_account.grace billing_account.suspended billing_account.recovered '
        'billing_account.grace billing_account.suspended billing_account.ended', 'and an event');
    UPDATE tenants SET state = 'active' WHERE id = b;
    PERFORM test.money('of a prepaid account');
END
$$;

-- Who has nothing left is refused what would cost more, and nothing else.
DO $$
DECLARE
    b uuid := test.buyer('exhausted', NULL);
    v_plan text := test.get('plan');
    v_small text;
    v_kept text;
    v_held text;
    r test.reply;
BEGIN
    PERFORM croft_quota_set(b, '{"vps":9,"running_vps":9,"vcpus":99,"memory_bytes":99000000000,"disk_bytes":999000000000,"ipv4":9,"ipv6":9,"snapshots":9}', '/quotas');
    r := (SELECT test.api('op', 'admin_plan_create', jsonb_build_object('body', (to_jsonb(p) - 'id' - 'valid_from') || jsonb_build_object('name', 'exhausted-small',
        'memory_bytes', p.memory_bytes / 2, 'price_month', '0', 'price_hour', '0'))) FROM plans_now p WHERE p.id = v_plan::uuid);
    PERFORM test.is(r.status, 201, 'a smaller plan');
    v_small := r.body->>'id';
    r := test.vps('exhausted', 'kept');
    v_kept := r.body->'vps'->>'id';
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    r := test.vps('exhausted', 'held');
    v_held := r.body->'vps'->>'id';
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    r := test.api('exhausted', 'vps_delete', jsonb_build_object('id', v_held, 'query', '{"hold":3600}'::jsonb));
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    PERFORM test.charge(b, '2026-01-01', 'k', 10);
    PERFORM test.api('op', 'admin_account_set', jsonb_build_object('id', b, 'if_match', '*', 'body', '{"terms":"prepaid"}'::jsonb));
    PERFORM test.is((SELECT prepaid_state FROM billing_accounts WHERE tenant_id = b), 'grace', 'nothing is left');

    PERFORM test.is((test.vps('exhausted', 'new')).code, 'balance_exhausted', 'no new vps');
    PERFORM test.is((test.api('exhausted', 'vps_undelete', jsonb_build_object('id', v_held))).code, 'balance_exhausted', 'none had back');
    PERFORM test.is((SELECT delete_after IS NOT NULL FROM vps WHERE id = v_held::uuid), true, 'which stays deleted');
    r := test.api('exhausted', 'vps_resize', jsonb_build_object('id', v_kept, 'body', jsonb_build_object('plan_id', test.get('plan_big'))));
    PERFORM test.is(r.code, 'balance_exhausted', 'no larger plan');
    r := test.api('exhausted', 'vps_resize', jsonb_build_object('id', v_kept, 'query', '{"dry_run":"true"}'::jsonb, 'body', jsonb_build_object('plan_id', test.get('plan_big'))));
    PERFORM test.is(r.code, 'balance_exhausted', 'nor would there be one');
    PERFORM test.is((test.api('exhausted', 'vps_address_add', jsonb_build_object('id', v_kept, 'body', '{"family":4}'::jsonb))).code, 'balance_exhausted', 'no further address');
    PERFORM test.is((test.api('bob', 'vps_undelete', jsonb_build_object('id', v_held))).code, 'not_found', 'and nobody else learns of it');

    r := test.api('exhausted', 'vps_stop', jsonb_build_object('id', v_kept));
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    r := test.api('exhausted', 'vps_start', jsonb_build_object('id', v_kept));
    PERFORM test.is(r.status, 202, 'what there is is stopped and started');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    r := test.api('exhausted', 'vps_resize', jsonb_build_object('id', v_kept, 'body', jsonb_build_object('plan_id', v_small)));
    PERFORM test.is(r.status, 202, 'and made smaller');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');

    PERFORM test.api('op', 'admin_payment_record', jsonb_build_object('body', jsonb_build_object('tenant_id', b, 'amount', '50', 'reference', 'exhausted 1')));
    r := test.api('exhausted', 'vps_undelete', jsonb_build_object('id', v_held));
    PERFORM test.is(r.status, 202, 'paid up it is had back');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    r := test.api('exhausted', 'vps_resize', jsonb_build_object('id', v_kept, 'body', jsonb_build_object('plan_id', v_plan)));
    PERFORM test.is(r.status, 202, 'and made larger');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.consistent('after an exhausted balance');
    FOREACH v_kept IN ARRAY ARRAY[v_kept, v_held] LOOP
        r := test.api('exhausted', 'vps_delete', jsonb_build_object('id', v_kept));
        PERFORM test.settle(r.body->'task'->>'id', 'done', 'absent');
    END LOOP;
END
$$;

-- Not paid in time: each day is told once, then the account is stopped, once for an invoice; paying or voiding it resumes.
CREATE FUNCTION test.reminded(i invoices) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(data->'after'->>'days', ' ' ORDER BY id), '') || ' in ' || (SELECT count(*) FROM mails WHERE subject_id = i.id AND kind = 'invoice_reminder')
    FROM events WHERE subject_id = i.id AND action = 'invoice.reminded'
$$;
CREATE FUNCTION test.stopped(p_tenant uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT state || coalesce(' ' || suspended_by, '') FROM tenants WHERE id = p_tenant
$$;
DO $$
DECLARE
    b uuid := test.buyer('overdue', 10);
    i invoices := test.invoice(b);
    j invoices;
    r test.reply;
    v_days text;
BEGIN
    FOREACH v_days IN ARRAY ARRAY['[1.5]', '["1"]', '[366]', '[-1]', '7', 'null', '{}', '[[1]]', '[1,2,3,4,5,6,7,8,9,10,11]'] LOOP
        r := test.api('op', 'admin_account_set', jsonb_build_object('id', b, 'if_match', '*', 'body', jsonb_build_object('reminder_days', v_days::jsonb)));
        PERFORM test.is((r.status, r.pointer)::text, '(422,/reminder_days)', 'no days are ' || v_days);
    END LOOP;
    r := test.api('op', 'admin_account_set', jsonb_build_object('id', b, 'if_match', '*', 'body', '{"reminder_days":[14,2,7,7]}'::jsonb));
    PERFORM test.is((r.status, r.body->>'reminder_days', r.body->>'overdue_suspend_days')::text, '(200,"[2, 7, 14]",)', 'who sells says when');
    PERFORM croft_reminders_due(1000, i.due_at + interval '47 hours');
    PERFORM test.is(test.reminded(i), ' in 0', 'before the first day nothing is said');
    PERFORM croft_reminders_due(1000, i.due_at + interval '2 days'), croft_reminders_due(1000, i.due_at + interval '3 days');
    PERFORM test.is(test.reminded(i), '2 in 1', 'the first day, once');
    PERFORM croft_reminders_due(1000, i.due_at + interval '20 days'), croft_reminders_due(1000, i.due_at + interval '300 days');
    PERFORM test.is(test.reminded(i), '2 14 in 2', 'days that passed while nobody ran are one');
    PERFORM test.refuses(format('INSERT INTO invoice_reminders (invoice_id, kind, days) VALUES (%L, ''reminder'', 7)', i.id), 'a day is told once');
    PERFORM test.is((SELECT args->>'open' || ' ' || (args->>'number' = i.number) FROM mails WHERE subject_id = i.id AND kind = 'invoice_reminder' LIMIT 1), '11.90 true', 'with what is open');

    PERFORM croft_overdue_due(i.due_at + interval '365 days');
    PERFORM test.is(test.stopped(b), 'active', 'nobody is stopped who is not to be');
    PERFORM test.api('op', 'admin_account_set', jsonb_build_object('id', b, 'if_match', '*', 'body', '{"overdue_suspend_days":20}'::jsonb));
    PERFORM croft_overdue_due(i.due_at + interval '20 days' - interval '1 second');
    PERFORM test.is(test.stopped(b), 'active', 'nor before the day');
    PERFORM croft_overdue_due(i.due_at + interval '20 days');
    PERFORM test.is((test.stopped(b), (SELECT count(*) FROM mails WHERE subject_id = i.id AND kind = 'overdue_suspended'))::text, '("suspended billing",1)', 'then it is stopped, with a mail');
    PERFORM test.is(croft_overdue_due(i.due_at + interval '21 days'), 0, 'once');
    PERFORM test.is((test.api('op', 'admin_tenant_resume', jsonb_build_object('id', b))).status, 200, 'who sells resumes it');
    PERFORM test.is((croft_overdue_due(i.due_at + interval '22 days'), test.stopped(b))::text, '(0,active)', 'and is not overruled');

    PERFORM test.charge(b, '2026-01-01', 'k2', 10);
    j := test.invoice(b);
    PERFORM croft_overdue_due(j.due_at + interval '20 days');
    PERFORM test.is(test.stopped(b), 'suspended billing', 'the next invoice stops it again');
    PERFORM test.api('op', 'admin_payment_record', jsonb_build_object('body', jsonb_build_object('tenant_id', b, 'amount', '11.90', 'reference', 'overdue 1')));
    PERFORM test.is((croft_overdue_due(), test.stopped(b))::text, '(0,"suspended billing")', 'one of two is paid');
    PERFORM test.api('op', 'admin_payment_record', jsonb_build_object('body', jsonb_build_object('tenant_id', b, 'amount', '11.90', 'reference', 'overdue 2')));
    PERFORM test.is(test.stopped(b), 'active', 'both are: it goes on');
    PERFORM croft_reminders_due(1000, j.due_at + interval '100 days');
    PERFORM test.is(test.reminded(j), ' in 0', 'what is paid is not asked for again');
    PERFORM test.charge(b, '2026-01-01', 'k3', 10);
    j := test.invoice(b);
    PERFORM croft_overdue_due(j.due_at + interval '20 days');
    PERFORM test.is((test.api('op', 'admin_invoice_void', jsonb_build_object('id', j.id, 'body', '{"reason":"r"}'::jsonb))).status, 200, 'an invoice that stopped it is voided');
    PERFORM test.is((croft_overdue_due(), croft_overdue_due())::text, '(1,0)', 'that is seen, once');
    PERFORM test.is(test.stopped(b), 'active', 'and it goes on');
    PERFORM test.money('of what was overdue');
END
$$;
