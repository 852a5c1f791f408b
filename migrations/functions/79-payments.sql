-- Payments: started by a buyer, recorded by a seller, told by a provider. Whoever settles one holds the tenant and its account.

CREATE OR REPLACE TRIGGER check_state BEFORE UPDATE ON payments FOR EACH ROW
    WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION croft_check_transition('state');
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON payment_providers FOR EACH ROW EXECUTE FUNCTION croft_bump_version();

CREATE OR REPLACE FUNCTION croft_payment_json(p payments) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', p.id, 'tenant_id', p.tenant_id, 'seller_id', p.seller_id, 'provider_id', p.provider_id, 'method', p.method,
        'reference', p.reference, 'state', p.state, 'amount', croft_money_text(p.amount, p.currency), 'currency', p.currency,
        'unallocated', croft_money_text(p.unallocated, p.currency), 'refunded', croft_money_text(p.refunded, p.currency),
        'invoice_id', p.invoice_id, 'checkout_url', CASE WHEN p.state = 'pending' THEN p.checkout_url END, 'note', p.note,
        'created_at', p.created_at, 'settled_at', p.settled_at)
$$;

-- A payment may resume its tenant, which comes before its account in the lock order.
CREATE OR REPLACE FUNCTION croft_payer_lock(p_tenant uuid) RETURNS billing_accounts LANGUAGE plpgsql AS $$
BEGIN
    PERFORM croft_tenant_lock(p_tenant);
    RETURN croft_account_lock(p_tenant);
END
$$;

CREATE OR REPLACE FUNCTION croft_payment_invoice_check(a billing_accounts, p_invoice uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_invoice IS NOT NULL AND NOT EXISTS (SELECT FROM invoices WHERE id = p_invoice AND tenant_id = a.tenant_id AND kind = 'invoice' AND state = 'final') THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such invoice to pay.', '/invoice_id');
    END IF;
END
$$;

-- The money is there: booked, and taken for what is open.
CREATE OR REPLACE FUNCTION croft_payment_succeed(p payments, a billing_accounts, p_amount numeric, p_reference text) RETURNS payments LANGUAGE plpgsql AS $$
DECLARE
    v_before jsonb := croft_payment_json(p)::jsonb;
BEGIN
    UPDATE payments SET state = 'succeeded', amount = p_amount, unallocated = p_amount, reference = p_reference, settled_at = now()
        WHERE id = p.id RETURNING * INTO p;
    PERFORM croft_book(p.tenant_id, p.currency, 'payment', p.id, 'Payment ' || coalesce(p.reference, p.id::text),
        jsonb_build_object('cash', p.amount, 'receivable', -p.amount));
    PERFORM croft_changed('payment.succeeded', p.tenant_id, 'payment', p.id, v_before, croft_payment_json(p)::jsonb);
    PERFORM croft_settle_account(a);
    PERFORM croft_prepaid_look(a.tenant_id);
    PERFORM croft_billing_mail(a, 'payment_received', p.id, jsonb_build_object('amount', croft_money_text(p.amount, p.currency), 'currency', p.currency,
        'reference', coalesce(p.reference, '')));
    SELECT * INTO p FROM payments WHERE id = p.id;
    RETURN p;
END
$$;

-- Recorded by who sells: b is the body.
CREATE OR REPLACE FUNCTION croft_payment_record(p_tenant uuid, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    b jsonb := p_req->'body';
    r croft_answer := croft_idempotency_begin(p_req);
    a billing_accounts;
    p payments;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;
    a := croft_payer_lock(p_tenant);
    IF coalesce(b->>'currency', a.currency) <> a.currency THEN
        PERFORM croft_raise(422, 'invalid_value', format('The account is in %s.', a.currency), '/currency');
    END IF;
    PERFORM croft_payment_invoice_check(a, (b->>'invoice_id')::uuid);
    INSERT INTO payments (tenant_id, seller_id, method, amount, currency, reference, invoice_id, note)
        VALUES (a.tenant_id, a.seller_id, 'manual', croft_money(b->>'amount', a.currency, '/amount'), a.currency, b->>'reference',
            (b->>'invoice_id')::uuid, b->>'note')
        ON CONFLICT (seller_id, coalesce(provider_id, '00000000-0000-0000-0000-000000000000'), reference) WHERE reference IS NOT NULL DO NOTHING
        RETURNING * INTO p;
    IF NOT FOUND THEN
        PERFORM croft_raise_existing('conflict', 'A payment with this reference was recorded.', '/reference', 'payment',
            (SELECT id FROM payments WHERE seller_id = a.seller_id AND provider_id IS NULL AND reference = b->>'reference'));
    END IF;
    p := croft_payment_succeed(p, a, p.amount, p.reference);
    RETURN croft_idempotency_end(p_req, (201, croft_payment_json(p)::text, NULL, NULL)::croft_answer);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_payment_record(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM billing_accounts WHERE tenant_id = (p_req->'body'->>'tenant_id')::uuid) THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such tenant.', '/tenant_id');
    END IF;
    RETURN croft_payment_record((p_req->'body'->>'tenant_id')::uuid, p_req);
END
$$;

CREATE OR REPLACE FUNCTION croft_child_payment_record(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN croft_payment_record((croft_child_lock(p_req)).id, p_req);
END
$$;

-- What nobody has finished in a month has failed. Should its provider say otherwise after all, it counts.
CREATE OR REPLACE FUNCTION croft_payments_forsaken(a billing_accounts) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    p payments;
BEGIN
    FOR p IN UPDATE payments SET state = 'failed', settled_at = now()
        WHERE tenant_id = a.tenant_id AND state = 'pending' AND created_at < now() - interval '30 days' RETURNING *
    LOOP
        PERFORM croft_changed('payment.failed', p.tenant_id, 'payment', p.id, '{"state":"pending"}', '{"state":"failed"}');
    END LOOP;
END
$$;

-- Started by who buys; it counts when the provider says so.
CREATE OR REPLACE FUNCTION croft_payment_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    r croft_answer := croft_idempotency_begin(p_req);
    a billing_accounts;
    v payment_providers;
    p payments;
    v_amount numeric;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;
    a := croft_account_lock(croft_tenant_id());
    v_amount := croft_money(b->>'amount', a.currency, '/amount');
    SELECT * INTO v FROM payment_providers WHERE id = (b->>'provider_id')::uuid AND seller_id = a.seller_id AND active FOR SHARE;
    IF NOT FOUND THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such way to pay.', '/provider_id');
    END IF;
    PERFORM croft_payment_invoice_check(a, (b->>'invoice_id')::uuid);
    PERFORM croft_payments_forsaken(a);
    IF (SELECT count(*) FROM payments WHERE tenant_id = a.tenant_id AND state = 'pending') >= 100 THEN
        PERFORM croft_raise(409, 'conflict', 'A hundred payments wait for their provider: let some of them end first.');
    END IF;
    INSERT INTO payments (tenant_id, seller_id, provider_id, method, amount, currency, invoice_id)
        VALUES (a.tenant_id, a.seller_id, v.id, v.kind, v_amount, a.currency, (b->>'invoice_id')::uuid)
        RETURNING * INTO p;
    UPDATE payments SET checkout_url = v.checkout_url || CASE WHEN v.checkout_url LIKE '%?%' THEN '&' ELSE '?' END
            || format('payment=%s&amount=%s&currency=%s', p.id, croft_money_text(p.amount, p.currency), p.currency)
        WHERE id = p.id RETURNING * INTO p;
    PERFORM croft_changed('payment.created', p.tenant_id, 'payment', p.id, NULL, croft_payment_json(p)::jsonb);
    RETURN croft_idempotency_end(p_req, (201, croft_payment_json(p)::text, NULL, '/v1/payments/' || p.id)::croft_answer);
END
$$;

-- Money went back. p_release: also what invoices took of it, which then ask for it again; otherwise only what is left of it.
CREATE OR REPLACE FUNCTION croft_payment_refund(p payments, a billing_accounts, p_amount numeric, p_reason text, p_release boolean) RETURNS payments
LANGUAGE plpgsql AS $$
DECLARE
    v_before jsonb := croft_payment_json(p)::jsonb;
    v_refund uuid;
BEGIN
    IF p.state <> 'succeeded' OR p_amount > (CASE WHEN p_release THEN p.amount - p.refunded ELSE p.unallocated END) THEN
        PERFORM croft_raise(409, 'conflict', format('Of this payment %s can be refunded.',
            croft_money_text(CASE WHEN p.state <> 'succeeded' THEN 0 WHEN p_release THEN p.amount - p.refunded ELSE p.unallocated END, p.currency)));
    ELSIF p_amount > p.unallocated THEN
        PERFORM croft_settlements_release(NULL, p.id, p_amount - p.unallocated);
    END IF;
    UPDATE payments SET refunded = refunded + p_amount, unallocated = unallocated - p_amount,
        state = CASE WHEN refunded + p_amount = amount THEN 'refunded' ELSE state END
    WHERE id = p.id RETURNING * INTO p;
    INSERT INTO payment_refunds (payment_id, tenant_id, amount, reason) VALUES (p.id, p.tenant_id, p_amount, p_reason) RETURNING id INTO v_refund;
    PERFORM croft_book(p.tenant_id, p.currency, 'refund', v_refund, 'Refund of payment ' || coalesce(p.reference, p.id::text),
        jsonb_build_object('cash', -p_amount, 'receivable', p_amount));
    PERFORM croft_changed('payment.refunded', p.tenant_id, 'payment', p.id, v_before, croft_payment_json(p)::jsonb, jsonb_build_object('reason', p_reason));
    PERFORM croft_settle_account(a);
    PERFORM croft_prepaid_look(a.tenant_id);
    SELECT * INTO p FROM payments WHERE id = p.id;
    RETURN p;
END
$$;

-- p_sold: only one that was made to the reseller who asks; else any.
CREATE OR REPLACE FUNCTION croft_payment_refund_any(p_req jsonb, p_sold boolean) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    r croft_answer := croft_idempotency_begin(p_req);
    v_seller uuid := CASE WHEN p_sold THEN croft_selling() END;
    a billing_accounts;
    p payments;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;
    SELECT * INTO p FROM payments WHERE id = (p_req->>'id')::uuid AND (NOT p_sold OR seller_id = v_seller);
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('payment');
    END IF;
    a := croft_payer_lock(p.tenant_id);
    SELECT * INTO p FROM payments WHERE id = p.id;
    p := croft_payment_refund(p, a, croft_money(p_req->'body'->>'amount', p.currency, '/amount'), p_req->'body'->>'reason', false);
    RETURN croft_idempotency_end(p_req, (200, croft_payment_json(p)::text, NULL, NULL)::croft_answer);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_payment_refund(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_payment_refund_any(p_req, false)
$$;

CREATE OR REPLACE FUNCTION croft_child_payment_refund(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_payment_refund_any(p_req, true)
$$;
