-- The end of a month, step by step; time is moved by p_now, so every step is seen by itself.
CREATE FUNCTION test.steps(p_now timestamptz, p_times int DEFAULT 1) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1..p_times LOOP
        PERFORM croft_month_ends_due(1000, p_now);
    END LOOP;
END
$$;
CREATE FUNCTION test.month(p_buyer uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT m.step || ' ' || m.state FROM month_ends m WHERE m.tenant_id = p_buyer ORDER BY m.month DESC LIMIT 1
$$;
-- What is charged by hand here has no history to be rated anew from.
ALTER FUNCTION croft_charge(uuid, date) RENAME TO croft_charge_kept;
CREATE FUNCTION croft_charge(p_account uuid, p_month date) RETURNS int LANGUAGE sql AS $$ SELECT 0 $$;

DO $$
DECLARE
    b uuid := test.buyer('ending', NULL);
    e uuid := test.buyer('empty', NULL);
    v_now timestamptz := '2026-03-01T00:00:00Z';
    i invoices;
    r test.reply;
    v_count bigint;
BEGIN
    PERFORM test.charge(b, '2026-02-01', 'a', 100);
    PERFORM croft_month_open('2026-02-01', 1000), croft_month_open('2026-02-01', 1000);
    PERFORM test.is((SELECT count(*) FROM month_ends WHERE tenant_id = b), 1::bigint, 'a month is opened once an account');
    PERFORM test.steps(v_now - interval '1 second');
    PERFORM test.is(test.month(b), 'freeze active', 'nothing happens before it is over');
    PERFORM test.steps(now());
    PERFORM test.is(test.month(b), 'wait active', 'freeze');
    PERFORM test.is((SELECT deadline_at FROM month_ends WHERE tenant_id = b), '2026-03-02T00:00:00Z'::timestamptz, 'late nodes have a day');
    PERFORM test.steps(now());
    PERFORM test.is(test.month(b), 'rate active', 'nobody is waited for');
    PERFORM test.steps(now());
    PERFORM test.is(test.month(b), 'check active', 'rated');
    PERFORM test.steps(now());
    PERFORM test.is(test.month(b) || ' ' || test.month(e), 'finalise active done done', 'checked; what has nothing to ask for is done');
    SELECT x.* INTO i FROM invoices x WHERE x.tenant_id = b;
    PERFORM test.is((i.state, i.total)::text, '(draft,119.00)', 'a draft');
    PERFORM test.is((test.api('ending', 'invoice_list', '{}')).body->'items', '[]'::jsonb, 'which the buyer does not see');
    -- Something more is charged in between: checked anew.
    PERFORM test.charge(b, '2026-02-01', 'b', 1);
    PERFORM test.steps(now());
    PERFORM test.is(test.month(b), 'check active', 'what no longer agrees is checked again');
    PERFORM test.steps(now(), 2);
    PERFORM test.is(test.month(b), 'send active', 'finalised');
    PERFORM test.steps(now(), 3);
    PERFORM test.is(test.month(b), 'done done', 'sent');
    SELECT x.* INTO i FROM invoices x WHERE x.tenant_id = b;
    PERFORM test.is((i.state, i.total)::text, '(final,120.19)', 'with all of it');
    PERFORM test.is((SELECT count(*) FROM mails WHERE to_address = 'ending@example.org' AND kind = 'invoice'), 1::bigint, 'one mail');
    PERFORM test.is((test.api('op', 'admin_month_end_retry', jsonb_build_object('id', (SELECT id FROM month_ends WHERE tenant_id = b)))).status, 409, 'what is final is not tried again');
    PERFORM test.money('after a month');

    -- Tenfold, and negative.
    PERFORM test.charge(b, '2026-03-01', 'a', 2000);
    PERFORM croft_month_open('2026-03-01', 1000);
    PERFORM test.steps(now(), 6);
    PERFORM test.is(test.month(b), 'check review', 'tenfold the last one waits for somebody');
    PERFORM test.is((SELECT count(*) FROM events WHERE action = 'month_end.review' AND subject_id = (SELECT id FROM month_ends WHERE tenant_id = b AND state = 'review')), 1::bigint, 'which is an event');
    r := test.api('op', 'admin_month_end_retry', jsonb_build_object('id', (SELECT id FROM month_ends WHERE tenant_id = b AND state = 'review')));
    PERFORM test.is((r.status, r.body->>'step')::text, '(200,rate)', 'it may be tried again');
    PERFORM test.steps(now(), 3);
    PERFORM test.charge(b, '2026-04-01', 'a', 10);
    PERFORM croft_month_open('2026-04-01', 1000);
    PERFORM test.steps(now(), 3);
    PERFORM test.is(test.month(b), 'freeze active', 'a later month waits for it');
    PERFORM test.is((test.api('op', 'admin_month_end_approve', jsonb_build_object('id', (SELECT id FROM month_ends WHERE tenant_id = b AND state = 'review')))).status, 200, 'it is approved');
    PERFORM test.charge(b, '2026-03-01', 'c', 1000);
    PERFORM test.steps(now(), 2);
    PERFORM test.is((SELECT step || ' ' || state FROM month_ends WHERE tenant_id = b AND month = '2026-03-01'), 'check review', 'as it was looked at: with more on it it waits again');
    PERFORM test.api('op', 'admin_month_end_approve', jsonb_build_object('id', (SELECT id FROM month_ends WHERE tenant_id = b AND state = 'review')));
    PERFORM test.is((test.api('op', 'admin_month_end_retry', jsonb_build_object('id', (SELECT id FROM month_ends WHERE tenant_id = b AND month = '2026-03-01')))).status, 200, 'and where it is rated again');
    PERFORM test.steps(now(), 2);
    PERFORM test.is((SELECT step || ' ' || state FROM month_ends WHERE tenant_id = b AND month = '2026-03-01'), 'check review', 'too');
    PERFORM test.api('op', 'admin_month_end_approve', jsonb_build_object('id', (SELECT id FROM month_ends WHERE tenant_id = b AND state = 'review')));
    PERFORM test.steps(now(), 8);
    PERFORM test.is(test.month(b), 'done done', 'and both go on');
    PERFORM test.is((SELECT string_agg(total::text, ' ' ORDER BY month) FROM invoices WHERE tenant_id = b), '120.19 3570.00 11.90', 'an invoice each');
    PERFORM test.charge(b, '2026-05-01', 'a', -7);
    PERFORM croft_month_open('2026-05-01', 1000);
    PERFORM test.steps(now(), 6);
    PERFORM test.is((SELECT review FROM month_ends WHERE tenant_id = b AND state = 'review'), 'The total is negative.', 'a negative one waits, too');
    r := test.api('op', 'admin_invoice_finalise', jsonb_build_object('id', (SELECT id FROM invoices WHERE tenant_id = b AND state = 'draft')));
    PERFORM test.is((r.status, r.body->>'kind', r.body->>'total', r.body->>'state')::text, '(200,credit_note,-8.33,paid)', 'finalised by hand it is a credit note, which pays what is open');
    PERFORM test.steps(now(), 3);
    PERFORM test.is(test.month(b), 'done done', 'and is sent');
    PERFORM test.money('after corrections');

    -- A step that fails says why and is tried again; others go on.
    PERFORM test.charge(b, '2026-06-01', 'a', 10);
    PERFORM test.charge(e, '2026-06-01', 'a', 10);
    PERFORM croft_month_open('2026-06-01', 1000);
    PERFORM test.steps(now(), 2);
    CREATE OR REPLACE FUNCTION croft_charge(p_account uuid, p_month date) RETURNS int LANGUAGE plpgsql AS 'BEGIN IF p_account = (SELECT id FROM tenants WHERE name = ''ending'') THEN RAISE ''broken''; END IF; RETURN 0; END';
    PERFORM test.steps(now(), 6);
    PERFORM test.is((SELECT step || ' ' || error || ' ' || attempts || ' ' || (next_at > now()) FROM month_ends WHERE tenant_id = b AND state = 'active'), 'rate broken 1 true', 'a step that fails is kept for later');
    PERFORM test.is(test.month(e), 'done done', 'others go on');
    CREATE OR REPLACE FUNCTION croft_charge(p_account uuid, p_month date) RETURNS int LANGUAGE sql AS 'SELECT 0';
    PERFORM test.steps(now() + interval '2 minutes', 6);
    PERFORM test.is(test.month(b), 'done done', 'and made good');
    SELECT count(*) INTO v_count FROM invoices;
    PERFORM test.steps(now() + interval '1 day', 5);
    PERFORM test.is((SELECT count(*) FROM invoices), v_count, 'what is done stays done');
    PERFORM test.money('after a failure');

    -- Accounts that take long do not make all of the others wait for ever: what was done is kept.
    CREATE OR REPLACE FUNCTION croft_chore_time() RETURNS interval LANGUAGE sql STABLE RETURN interval '-1 second';
    UPDATE month_ends SET step = 'wait', state = 'active', next_at = now() WHERE tenant_id IN (b, e) AND month = '2026-06-01';
    PERFORM test.is((croft_month_ends_due(1000), croft_month_ends_due(1000), croft_month_ends_due(1000, now() - interval '1 second'))::text, '(1,1,0)', 'one at a time, where one takes all the time');
    CREATE OR REPLACE FUNCTION croft_chore_time() RETURNS interval LANGUAGE sql STABLE RETURN interval '10 seconds';
    UPDATE month_ends SET step = 'done', state = 'done' WHERE tenant_id IN (b, e) AND month = '2026-06-01';
    r := test.api('op', 'admin_month_end_start', '{"body":{"month":"2999-01"}}');
    PERFORM test.is((r.status, r.pointer)::text, '(409,/month)', 'a month that is not over is not ended');
    r := test.api('op', 'admin_month_end_start', '{"body":{"month":"2026-13"}}');
    PERFORM test.is((r.status, r.pointer)::text, '(422,/month)', 'nor one that there is not');
    r := test.api('op', 'admin_month_end_start', '{"body":{"month":"2026-07"}}');
    PERFORM test.is((r.status, (r.body->'accounts'->>'active')::int > 0)::text, '(202,t)', 'one is started by hand');
    r := test.api('op', 'admin_month_end_summary', '{"query":{"month":"2026-06"}}');
    PERFORM test.is((r.status, r.body->'totals'->0->>'invoices', r.body->'totals'->0->>'total')::text, '(200,2,23.80)', 'what it came to');
END
$$;

-- Random operations: whatever is done, the books agree, and the ledger is zero.
DO $$
DECLARE
    b uuid := test.buyer('random', NULL);
    a billing_accounts;
    x invoices;
    p payments;
BEGIN
    PERFORM setseed(0.7);
    FOR n IN 1..120 LOOP
        a := croft_account_lock(b);
        SELECT * INTO x FROM invoices WHERE tenant_id = b AND kind = 'invoice' ORDER BY random() LIMIT 1;
        SELECT * INTO p FROM payments WHERE tenant_id = b ORDER BY random() LIMIT 1;
        CASE floor(random() * 7)::int
            WHEN 0, 1 THEN
                PERFORM test.charge(b, '2026-01-01', 'r' || n, round((random() * 100)::numeric, 2), (ARRAY[0, 7, 19])[1 + floor(random() * 3)::int]);
                PERFORM croft_invoice_finalise(croft_invoice_draft(a, '2026-01-01'), a);
            WHEN 2 THEN PERFORM test.api('op', 'admin_payment_record', jsonb_build_object('body', jsonb_build_object('tenant_id', b, 'amount',
                (0.01 + round((random() * 200)::numeric, 2))::text, 'reference', 'r' || n)));
            WHEN 3 THEN PERFORM croft_credit_make(a, round((0.01 + random() * 30)::numeric, 2), now() + interval '1 day' * (1 + floor(random() * 3)), NULL, NULL);
            WHEN 4 THEN PERFORM test.api('op', 'admin_invoice_void', jsonb_build_object('id', x.id, 'body', '{"reason":"r"}'::jsonb));
            WHEN 5 THEN PERFORM test.api('op', 'admin_credit_note_create', jsonb_build_object('id', x.id, 'body', '{"reason":"r"}'::jsonb));
            ELSE
                IF p.state = 'succeeded' THEN
                    PERFORM croft_payment_refund(p, a, least(p.amount - p.refunded, round((0.01 + random() * 50)::numeric, 2)), 'r', true);
                END IF;
                PERFORM croft_credits_expire(100, now() + interval '1 day' * floor(random() * 2));
        END CASE;
    END LOOP;
    SET CONSTRAINTS ALL IMMEDIATE;
    PERFORM test.money('after random operations');
    PERFORM test.is((SELECT string_agg(DISTINCT s, ',') FROM (SELECT sum(balance)::numeric(12, 2)::text AS s FROM ledger_accounts WHERE tenant_id = b) t), '0.00', 'the ledger of random operations is zero');
    PERFORM test.ok((SELECT count(*) > 20 FROM invoices WHERE tenant_id = b), 'there was something to do');
END
$$;

-- The check finds what is wrong.
DO $$
DECLARE
    v_invoice uuid := (SELECT id FROM invoices WHERE state = 'paid' AND kind = 'invoice' AND total > 0 LIMIT 1);
BEGIN
    SET LOCAL session_replication_role = replica;
    UPDATE invoices SET net = net + 1, total = total + 1, settled = settled + 1 WHERE id = v_invoice;
    PERFORM test.is((SELECT string_agg(DISTINCT resource, ' ') FROM croft_verify_money() WHERE subject = v_invoice), 'booked settled taxes total', 'an invoice that is not its lines');
    UPDATE invoices SET net = net - 1, total = total - 1, settled = settled - 1 WHERE id = v_invoice;
    UPDATE invoice_numbers SET last = last + 1;
    PERFORM test.ok(EXISTS (SELECT FROM croft_verify_money() WHERE kind = 'invoice_numbers'), 'a number that is missing');
    UPDATE invoice_numbers SET last = last - 1;
    UPDATE ledger_accounts SET balance = balance + 1 WHERE tenant_id = (SELECT tenant_id FROM invoices WHERE id = v_invoice) AND kind = 'cash';
    PERFORM test.ok(EXISTS (SELECT FROM croft_verify_money() WHERE kind = 'ledger_account' AND resource = 'cash'), 'a balance that drifted');
    UPDATE ledger_accounts SET balance = balance - 1 WHERE tenant_id = (SELECT tenant_id FROM invoices WHERE id = v_invoice) AND kind = 'cash';
    SET LOCAL session_replication_role = origin;
    PERFORM test.money('put right again');
END
$$;

DROP FUNCTION croft_charge(uuid, date);
ALTER FUNCTION croft_charge_kept(uuid, date) RENAME TO croft_charge;
