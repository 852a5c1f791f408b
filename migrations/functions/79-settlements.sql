-- What pays what: credits first, the one that expires first before others, then credit notes, then payments, the oldest first.
-- Who calls these holds the account.

-- Takes an amount of one source for an invoice; below 0 gives it back.
CREATE OR REPLACE FUNCTION croft_settle(p_invoice uuid, p_amount numeric, p_payment uuid, p_credit uuid, p_note uuid, p_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    i invoices;
    v_id uuid;
    v_expired boolean;
BEGIN
    UPDATE invoices SET settled = settled + p_amount, state = CASE WHEN settled + p_amount = total THEN 'paid' ELSE 'final' END,
        paid_at = CASE WHEN settled + p_amount = total THEN p_now END
    WHERE id = p_invoice RETURNING * INTO i;
    INSERT INTO settlements (invoice_id, tenant_id, amount, payment_id, credit_id, credit_note_id)
        VALUES (i.id, i.tenant_id, p_amount, p_payment, p_credit, p_note) RETURNING id INTO v_id;
    UPDATE payments SET unallocated = unallocated - p_amount WHERE id = p_payment;
    UPDATE invoices SET settled = settled - p_amount, state = CASE WHEN settled - p_amount = total THEN 'paid' ELSE 'final' END,
        paid_at = CASE WHEN settled - p_amount = total THEN p_now END
    WHERE id = p_note;
    IF p_credit IS NOT NULL THEN
        UPDATE credits SET remaining = remaining - p_amount WHERE id = p_credit AND expired_at IS NULL;
        v_expired := NOT FOUND;
        PERFORM croft_book(i.tenant_id, i.currency, CASE WHEN p_amount > 0 THEN 'credit_applied' ELSE 'credit_returned' END, v_id,
            CASE WHEN p_amount > 0 THEN 'Credit for ' ELSE 'Credit back from ' END || i.number,
            jsonb_build_object('receivable', -p_amount, 'credits', p_amount));
        IF v_expired THEN -- what comes back after its time is gone with the rest
            PERFORM croft_book(i.tenant_id, i.currency, 'credit_expired', v_id, 'Credit that had expired',
                jsonb_build_object('credits', -p_amount, 'promotion', p_amount));
        END IF;
    END IF;
END
$$;

-- What an account has to pay with, in the order in which it is taken for that invoice.
CREATE OR REPLACE FUNCTION croft_means(i invoices, p_now timestamptz)
RETURNS TABLE (payment_id uuid, credit_id uuid, note_id uuid, amount numeric) LANGUAGE sql STABLE AS $$
    SELECT m.payment_id, m.credit_id, m.note_id, m.amount FROM (
        SELECT NULL::uuid AS payment_id, c.id AS credit_id, NULL::uuid AS note_id, c.remaining AS amount, 1 AS rank,
            coalesce(c.expires_at, 'infinity') AS at, c.id
        FROM credits c WHERE c.tenant_id = i.tenant_id AND c.currency = i.currency AND c.remaining > 0
            AND coalesce(c.expires_at > p_now, true)
        UNION ALL
        SELECT NULL, NULL, n.id, n.settled - n.total, CASE WHEN n.corrects = i.id THEN 0 ELSE 2 END, n.issued_at, n.id
        FROM invoices n WHERE n.tenant_id = i.tenant_id AND n.currency = i.currency AND n.kind = 'credit_note' AND n.state = 'final' AND n.settled > n.total
        UNION ALL
        SELECT p.id, NULL, NULL, p.unallocated, CASE WHEN p.invoice_id = i.id THEN 3 ELSE 4 END, p.settled_at, p.id
        FROM payments p WHERE p.tenant_id = i.tenant_id AND p.currency = i.currency AND p.unallocated > 0
    ) m ORDER BY m.rank, m.at, m.id
$$;

-- Pays what is open, oldest first, so far as there is something to pay with.
CREATE OR REPLACE FUNCTION croft_settle_account(a billing_accounts, p_now timestamptz DEFAULT now()) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    i invoices;
    m record;
    v_left numeric;
    v_before jsonb;
BEGIN
    FOR i IN SELECT * FROM invoices WHERE tenant_id = a.tenant_id AND state = 'final' AND kind = 'invoice' ORDER BY issued_at, id
    LOOP
        v_before := croft_invoice_json(i)::jsonb;
        v_left := i.total - i.settled;
        IF v_left > 0 THEN
            FOR m IN SELECT * FROM croft_means(i, p_now) LOOP
                PERFORM croft_settle(i.id, least(v_left, m.amount), m.payment_id, m.credit_id, m.note_id, p_now);
                v_left := v_left - least(v_left, m.amount);
                EXIT WHEN v_left = 0;
            END LOOP;
        ELSE
            UPDATE invoices SET state = 'paid', paid_at = p_now WHERE id = i.id; -- nothing was asked for
        END IF;
        IF v_left = 0 THEN
            SELECT * INTO i FROM invoices WHERE id = i.id;
            PERFORM croft_changed('invoice.paid', i.tenant_id, 'invoice', i.id, v_before, croft_invoice_json(i)::jsonb);
        END IF;
    END LOOP;
    UPDATE invoices SET state = 'paid', paid_at = p_now
        WHERE tenant_id = a.tenant_id AND state = 'final' AND kind = 'credit_note' AND settled = total;
END
$$;

-- What a credit note gives back of what was paid takes the place of payments, the last one first, which are free again: for other invoices, or
-- to be refunded. What is open of the invoice the note pays before (croft_means()); credits stay used.
CREATE OR REPLACE FUNCTION croft_credit_note_exchange(i invoices, n invoices) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    s record;
    v_left numeric := -n.total - (i.total - i.settled);
    v_amount numeric;
BEGIN
    FOR s IN SELECT x.payment_id, sum(x.amount) AS amount FROM settlements x WHERE x.invoice_id = i.id AND x.payment_id IS NOT NULL
        GROUP BY x.payment_id HAVING sum(x.amount) > 0 ORDER BY max(x.id::text) DESC
    LOOP
        EXIT WHEN v_left <= 0;
        v_amount := least(s.amount, v_left);
        INSERT INTO settlements (invoice_id, tenant_id, amount, payment_id) VALUES (i.id, i.tenant_id, -v_amount, s.payment_id);
        INSERT INTO settlements (invoice_id, tenant_id, amount, credit_note_id) VALUES (i.id, i.tenant_id, v_amount, n.id);
        UPDATE payments SET unallocated = unallocated + v_amount WHERE id = s.payment_id;
        UPDATE invoices SET settled = settled - v_amount, state = CASE WHEN settled - v_amount = total THEN 'paid' ELSE 'final' END,
            paid_at = CASE WHEN settled - v_amount = total THEN now() END
        WHERE id = n.id;
        v_left := v_left - v_amount;
    END LOOP;
END
$$;

-- What paid an invoice, or what of a payment did, is free again.
CREATE OR REPLACE FUNCTION croft_settlements_release(i invoices, p_payment uuid DEFAULT NULL, p_amount numeric DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    s record;
    v_left numeric := coalesce(p_amount, 'Infinity');
BEGIN
    FOR s IN SELECT x.invoice_id, x.payment_id, x.credit_id, x.credit_note_id, sum(x.amount) AS amount, max(x.id::text) AS last FROM settlements x
        WHERE (i.id IS NULL OR x.invoice_id = i.id) AND (p_payment IS NULL OR x.payment_id = p_payment)
        GROUP BY x.invoice_id, x.payment_id, x.credit_id, x.credit_note_id HAVING sum(x.amount) > 0 ORDER BY last DESC
    LOOP
        EXIT WHEN v_left = 0;
        PERFORM croft_settle(s.invoice_id, -least(s.amount, v_left), s.payment_id, s.credit_id, s.credit_note_id, now());
        v_left := v_left - least(s.amount, v_left);
    END LOOP;
END
$$;
