-- Money: the books, invoices from charges, payments, credits, corrections. A charge is put in by hand here: what it comes from is 64-rating.sql's.
CREATE FUNCTION test.charge(p_account uuid, p_month date, p_key text, p_amount numeric, p_rate numeric DEFAULT 19) RETURNS void LANGUAGE sql AS $$
    INSERT INTO test.by_hand VALUES (p_account) ON CONFLICT DO NOTHING;
    INSERT INTO charges (account_id, month, key, number, tenant_id, meter, description, from_ts, to_ts, quantity, unit, unit_price, amount,
        currency, tax_rate, tax_amount, tax_name, evidence)
    VALUES (p_account, p_month, p_key, 0, p_account, 'plan', 'Small <b>&', p_month::timestamp AT TIME ZONE 'UTC',
        (p_month::timestamp + interval '1 month') AT TIME ZONE 'UTC', 1, 'month', p_amount, p_amount, 'EUR', p_rate,
        round(p_amount * p_rate / 100, 2), 'VAT', '{}')
$$;
-- An account of that name that a month was charged for.
CREATE FUNCTION test.buyer(p_name text, p_amount numeric) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := test.tenant(p_name, '{}');
BEGIN
    UPDATE billing_accounts SET created_at = '2020-01-01', email = p_name || '@example.org' WHERE tenant_id = v_id;
    IF p_amount IS NOT NULL THEN
        PERFORM test.charge(v_id, '2026-01-01', 'k', p_amount);
    END IF;
    RETURN v_id;
END
$$;
CREATE FUNCTION test.invoice(p_buyer uuid) RETURNS invoices LANGUAGE plpgsql AS $$
DECLARE
    a billing_accounts := croft_account_lock(p_buyer);
BEGIN
    RETURN croft_invoice_finalise(croft_invoice_draft(a, '2026-01-01'), a);
END
$$;
CREATE FUNCTION test.money(p_when text) RETURNS void LANGUAGE sql AS $$
    SELECT test.ok(count(*) = 0, 'the money agrees: ' || p_when, string_agg(d::text, ' ')) FROM croft_verify_money() d
$$;
CREATE FUNCTION test.refuses(p_do text, p_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE p_do;
    SET CONSTRAINTS ALL IMMEDIATE;
    PERFORM test.ok(false, p_name, 'it was done');
EXCEPTION WHEN integrity_constraint_violation OR insufficient_privilege THEN
    PERFORM test.ok(true, p_name);
END
$$;

-- From a charge to a ledger of zero.
DO $$
DECLARE
    b uuid := test.buyer('buyer', 10.01);
    i invoices := test.invoice(b);
    r test.reply;
    v_number int := i.sequence;
BEGIN
    PERFORM test.is((i.state, i.net, i.tax, i.total, i.settled)::text, '(final,10.01,1.90,11.91,0)', 'an invoice of what was charged');
    PERFORM test.is(i.number, format('%s-%s', extract(year FROM now() AT TIME ZONE 'UTC'), lpad(v_number::text, 5, '0')), 'with a number of its year');
    PERFORM test.is((SELECT string_agg(kind || ' ' || balance, ', ' ORDER BY kind) FROM ledger_accounts WHERE tenant_id = b),
        'receivable 11.91, revenue -10.01, tax -1.90', 'it is owed, earned and due as tax');
    r := test.api('buyer', 'invoice_list', '{}');
    PERFORM test.is((r.status, jsonb_array_length(r.body->'items'), r.body->'items'->0->>'open')::text, '(200,1,11.91)', 'the buyer sees it');
    r := test.api('buyer', 'invoice_read', jsonb_build_object('id', i.id));
    PERFORM test.is((r.status, r.body->'lines'->0->>'amount', r.body->'taxes'->0->>'tax', r.body->'buyer'->>'name')::text, '(200,10.01,1.90,buyer)', 'with its lines');
    PERFORM test.is((test.api('bob', 'invoice_read', jsonb_build_object('id', i.id))).status, 404, 'nobody else');
    r := test.api('op', 'admin_payment_record', jsonb_build_object('body', jsonb_build_object('tenant_id', b, 'amount', '5.00', 'reference', 'bank 1')));
    PERFORM test.is((r.status, r.body->>'state', r.body->>'unallocated')::text, '(201,succeeded,0.00)', 'a payment of some of it');
    r := test.api('op', 'admin_payment_record', jsonb_build_object('body', jsonb_build_object('tenant_id', b, 'amount', '5.00', 'reference', 'bank 1')));
    PERFORM test.is((r.status, r.code)::text, '(409,conflict)', 'is recorded once');
    PERFORM test.is((SELECT state || ' ' || settled FROM invoices WHERE id = i.id), 'final 5.00', 'and pays some of it');
    r := test.api('op', 'admin_payment_record', jsonb_build_object('body', jsonb_build_object('tenant_id', b, 'amount', '20', 'reference', 'bank 2')));
    PERFORM test.is((r.status, r.body->>'unallocated')::text, '(201,13.09)', 'the next pays the rest and leaves a balance');
    PERFORM test.is((SELECT state FROM invoices WHERE id = i.id), 'paid', 'then it is paid');
    r := test.api('buyer', 'billing_account_read', '{}');
    PERFORM test.is((r.body->>'balance', r.body->>'owed', r.body->>'credit')::text, '(13.09,0.00,0.00)', 'which the account shows');
    r := test.api('buyer', 'ledger_list', '{}');
    PERFORM test.is((SELECT string_agg(e->>'kind' || ' ' || (e->>'amount'), ', ') FROM jsonb_array_elements(r.body->'items') e),
        'payment 20.00, payment 5.00, invoice -11.91', 'and its ledger tells');
    PERFORM test.is((SELECT sum(balance) FROM ledger_accounts WHERE tenant_id = b), 0::numeric, 'the ledger is zero');
    r := test.api('op', 'admin_payment_refund', jsonb_build_object('id', (SELECT id FROM payments WHERE reference = 'bank 2'),
        'body', '{"amount":"14.00","reason":"asked for"}'::jsonb));
    PERFORM test.is(r.status, 409, 'what paid an invoice is not refunded');
    r := test.api('op', 'admin_payment_refund', jsonb_build_object('id', (SELECT id FROM payments WHERE reference = 'bank 2'),
        'body', '{"amount":"3.09","reason":"asked for"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'unallocated', r.body->>'refunded')::text, '(200,10.00,3.09)', 'what is left of it is');
    PERFORM test.is((SELECT count(*) FROM mails WHERE to_address = 'buyer@example.org' AND kind = 'payment_received'), 2::bigint, 'each payment is a mail');
    PERFORM test.money('after a refund');

    -- A correction.
    r := test.api('op', 'admin_credit_note_create', jsonb_build_object('id', i.id, 'body', '{"reason":"wrong plan"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'total', r.body->>'open', r.body->>'corrects')::text, format('(201,-11.91,0.00,%s)', i.id), 'a credit note, which takes the place of what has paid the invoice');
    PERFORM test.ok(r.body->>'number' LIKE '%CN-%', 'has numbers of its own');
    PERFORM test.is((test.api('op', 'admin_credit_note_create', jsonb_build_object('id', i.id, 'body', '{"reason":"again"}'::jsonb))).status, 422, 'a line is corrected once');
    r := test.api('buyer', 'billing_account_read', '{}');
    PERFORM test.is(r.body->>'balance', '21.91', 'and is balance');
    PERFORM test.is((SELECT state || ' ' || settled FROM invoices WHERE id = i.id), 'paid 11.91', 'the invoice stays paid');
    PERFORM test.is((SELECT string_agg(unallocated::text, ' ' ORDER BY reference) FROM payments WHERE tenant_id = b), '5.00 16.91', 'the payments are free again');
    PERFORM test.money('after a credit note');
    r := test.api('op', 'admin_payment_refund', jsonb_build_object('id', (SELECT id FROM payments WHERE reference = 'bank 1'),
        'body', '{"amount":"4.00","reason":"wrong plan"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'unallocated')::text, '(200,1.00)', 'so that what was corrected can be given back');
    PERFORM test.money('after what was corrected was given back');
    PERFORM test.charge(b, '2026-02-01', 'k', 15);
    i := croft_invoice_finalise(croft_invoice_draft(croft_account_lock(b), '2026-02-01'), croft_account_lock(b));
    PERFORM test.is((i.state, i.total, i.sequence)::text, format('(paid,17.85,%s)', v_number + 1), 'the next invoice is paid from it, and numbered without a gap');
    PERFORM test.money('after the next invoice');
END
$$;

-- Nobody rewrites it.
SELECT test.refuses(s, 'refused: ' || s) FROM unnest(ARRAY[
    'UPDATE invoices SET total = total + 1, net = net + 1 WHERE state = ''paid''', 'UPDATE invoices SET buyer = ''{}'' WHERE state = ''paid''',
    'DELETE FROM invoices', 'UPDATE invoice_lines SET amount = 0', 'DELETE FROM invoice_lines', 'UPDATE ledger_entries SET kind = ''void''',
    'DELETE FROM ledger_postings', 'UPDATE ledger_postings SET amount = 1', 'UPDATE ledger_accounts SET balance = balance + 1',
    'INSERT INTO invoice_lines (invoice_id, position, description, meter, quantity, unit, amount) SELECT id, 99, ''x'', ''x'', 1, ''x'', 1 FROM invoices WHERE state = ''paid'' LIMIT 1',
    'INSERT INTO ledger_entries (tenant_id, kind, reference_id, description, currency) SELECT tenant_id, ''payment'', croft_uuid(), ''x'', ''EUR'' FROM billing_accounts LIMIT 1',
    'UPDATE credits SET remaining = -1', 'UPDATE settlements SET amount = 1']) s
WHERE s NOT LIKE 'UPDATE credits%';
SELECT test.refuses(format('SELECT croft_book(%L, ''EUR'', ''payment'', croft_uuid(), ''x'', ''{"cash":1}'')', (SELECT tenant_id FROM ledger_accounts LIMIT 1)), 'an entry of one side');
