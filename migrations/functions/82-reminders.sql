-- Postpaid invoices that are not paid in time: asked for again on the days that the account's terms name, once each; then, if the terms
-- say so, what the account has is stopped until they are paid. p_now is another time than now() only in tests.

CREATE OR REPLACE FUNCTION croft_reminder_days(p_value jsonb) RETURNS int[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_value IS NULL THEN
        RETURN NULL;
    ELSIF jsonb_typeof(p_value) <> 'array' OR EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(p_value) WHEN 'array' THEN p_value ELSE '[]' END) e
            WHERE CASE jsonb_typeof(e) WHEN 'number' THEN e::numeric NOT BETWEEN 0 AND 365 OR e::numeric <> trunc(e::numeric) ELSE true END)
        OR jsonb_array_length(p_value) > 10 THEN
        PERFORM croft_raise(422, 'invalid_value', 'These are at most ten whole numbers of days, from 0 to 365.', '/reminder_days');
    END IF;
    RETURN ARRAY(SELECT DISTINCT e::numeric::int FROM jsonb_array_elements(p_value) e ORDER BY 1);
END
$$;

-- Says the latest day that is due; those before it that nobody said are then no longer said. The caller holds the account.
CREATE OR REPLACE FUNCTION croft_remind(i invoices, a billing_accounts, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_last int := (SELECT max(days) FROM invoice_reminders WHERE invoice_id = i.id AND kind = 'reminder');
    v_days int;
BEGIN
    WITH said AS (
        INSERT INTO invoice_reminders (invoice_id, kind, days)
            SELECT i.id, 'reminder', d FROM unnest(a.reminder_days) d WHERE i.due_at + make_interval(days => d) <= p_now
            ON CONFLICT DO NOTHING RETURNING days)
    SELECT max(days) INTO v_days FROM said;
    IF v_days > v_last OR v_last IS NULL AND v_days IS NOT NULL THEN
        PERFORM croft_changed('invoice.reminded', i.tenant_id, 'invoice', i.id, NULL, jsonb_build_object('days', v_days,
            'number', i.number, 'due_at', i.due_at, 'open', croft_money_text(i.total - i.settled, i.currency), 'currency', i.currency));
        PERFORM croft_billing_mail(a, 'invoice_reminder', i.id, croft_invoice_mail_args(i) || jsonb_build_object('days', v_days::text));
    END IF;
END
$$;

-- Those that are due, at most so many; the number that was looked at.
CREATE OR REPLACE FUNCTION croft_reminders_due(p_limit int, p_now timestamptz DEFAULT now()) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    x record;
    i invoices;
    v_count int := 0;
BEGIN
    FOR x IN SELECT n.id, a AS account FROM invoices n JOIN billing_accounts a ON a.tenant_id = n.tenant_id
        WHERE n.kind = 'invoice' AND n.state = 'final' AND n.due_at <= p_now AND a.terms = 'postpaid'
            AND EXISTS (SELECT FROM unnest(a.reminder_days) d WHERE n.due_at + make_interval(days => d) <= p_now
                AND NOT EXISTS (SELECT FROM invoice_reminders r WHERE r.invoice_id = n.id AND r.kind = 'reminder' AND r.days = d))
        ORDER BY n.due_at, n.id LIMIT p_limit FOR NO KEY UPDATE OF a SKIP LOCKED
    LOOP
        SELECT * INTO i FROM invoices WHERE id = x.id AND state = 'final'; -- or it was paid before the account was held
        IF FOUND THEN
            PERFORM croft_remind(i, x.account, p_now);
        END IF;
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;

-- Invoices for which the account is to be stopped and was not yet.
CREATE OR REPLACE FUNCTION croft_overdue_invoices(a billing_accounts, p_now timestamptz) RETURNS SETOF invoices LANGUAGE sql STABLE AS $$
    SELECT i.* FROM invoices i WHERE i.tenant_id = a.tenant_id AND i.kind = 'invoice' AND i.state = 'final' AND a.terms = 'postpaid'
        AND i.due_at + make_interval(days => a.overdue_suspend_days) <= p_now
        AND NOT EXISTS (SELECT FROM invoice_reminders r WHERE r.invoice_id = i.id AND r.kind = 'suspension')
    ORDER BY i.due_at, i.id
$$;

-- Whether an invoice for which the account was stopped is still open.
CREATE OR REPLACE FUNCTION croft_overdue_open(p_tenant uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM invoices i JOIN invoice_reminders r ON r.invoice_id = i.id AND r.kind = 'suspension'
        WHERE i.tenant_id = p_tenant AND i.state = 'final')
$$;

-- Nothing is open any more of what a postpaid account was stopped for; behind the lock of its tenant.
CREATE OR REPLACE FUNCTION croft_overdue_resume(a billing_accounts) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF a.terms = 'postpaid' AND NOT croft_overdue_open(a.tenant_id) THEN
        PERFORM croft_prepaid_resume(a.tenant_id);
    END IF;
END
$$;

-- The next account that is stopped, or resumed where nobody paid: an invoice was voided or corrected. In a transaction of its own: it may
-- stop a whole tenant. 0: there is none.
CREATE OR REPLACE FUNCTION croft_overdue_due(p_now timestamptz DEFAULT now()) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_tenant uuid;
    t tenants;
    a billing_accounts;
    i invoices;
BEGIN
    SELECT x.id INTO v_tenant FROM billing_accounts b JOIN tenants x ON x.id = b.tenant_id
        WHERE b.terms = 'postpaid' AND (x.state = 'active' AND b.overdue_suspend_days IS NOT NULL AND EXISTS (SELECT FROM croft_overdue_invoices(b, p_now))
            OR x.state = 'suspended' AND x.suspended_by = 'billing' AND NOT croft_overdue_open(x.id))
        ORDER BY x.id LIMIT 1 FOR NO KEY UPDATE OF x SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    t := croft_tenant_lock(v_tenant);
    a := croft_account_lock(v_tenant);
    IF t.state = 'suspended' THEN
        PERFORM croft_overdue_resume(a);
        RETURN 1;
    END IF;
    SELECT * INTO i FROM croft_overdue_invoices(a, p_now) LIMIT 1;
    IF FOUND THEN
        INSERT INTO invoice_reminders (invoice_id, kind, days) SELECT o.id, 'suspension', a.overdue_suspend_days FROM croft_overdue_invoices(a, p_now) o;
        PERFORM croft_suspend_any(t, jsonb_build_object('body', jsonb_build_object('reason', format('Invoice %s is overdue.', i.number))), 'billing');
        PERFORM croft_billing_mail(a, 'overdue_suspended', i.id, croft_invoice_mail_args(i));
    END IF;
    RETURN 1;
END
$$;
