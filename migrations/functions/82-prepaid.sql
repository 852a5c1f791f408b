-- Prepaid accounts: what is left of them, and what follows when it is little. Each move is an event and a mail; paying goes back.

-- What was used and is on no invoice yet: what was charged, and what the months that were not would come to by now.
CREATE OR REPLACE FUNCTION croft_accrued(a billing_accounts, p_now timestamptz) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_month timestamptz := date_trunc('month', p_now, 'UTC');
    v_last timestamptz := date_trunc('month', p_now, 'UTC') - interval '1 month';
    v_amount numeric;
BEGIN
    SELECT coalesce(sum(c.amount + c.tax_amount), 0) INTO v_amount FROM charges c
        WHERE c.account_id = a.tenant_id AND c.currency = a.currency AND c.invoice_id IS NULL;
    IF NOT EXISTS (SELECT FROM month_ends m WHERE m.tenant_id = a.tenant_id AND m.month = (v_last AT TIME ZONE 'UTC')::date
            AND m.step NOT IN ('freeze', 'wait', 'rate')) THEN
        v_amount := v_amount + (SELECT coalesce(sum(l.amount + l.tax_amount), 0) FROM croft_rate(a.tenant_id, v_last, v_month) l)
            - (SELECT coalesce(sum(c.amount + c.tax_amount), 0) FROM charges c WHERE c.account_id = a.tenant_id AND c.month = (v_last AT TIME ZONE 'UTC')::date);
    END IF;
    RETURN v_amount + CASE WHEN p_now > v_month THEN (SELECT coalesce(sum(l.amount + l.tax_amount), 0) FROM croft_rate(a.tenant_id, v_month, p_now) l) ELSE 0 END;
END
$$;

-- What is left: paid in and credited, less what was used.
CREATE OR REPLACE FUNCTION croft_prepaid_left(a billing_accounts, p_accrued numeric, p_now timestamptz) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT croft_ledger_balance(a.tenant_id, a.currency, 'receivable') - p_accrued + (SELECT coalesce(sum(c.remaining), 0) FROM credits c
        WHERE c.tenant_id = a.tenant_id AND c.currency = a.currency AND c.remaining > 0 AND coalesce(c.expires_at > p_now, true))
$$;

-- Refuses what costs more (a new vps, one had back, a larger plan, another address) to whom has nothing left; of a reseller's tenant the reseller pays, too. Computed now: what was last seen may be an hour old.
CREATE OR REPLACE FUNCTION croft_prepaid_check(p_tenant uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    a billing_accounts;
BEGIN
    FOR a IN SELECT b.* FROM tenants t JOIN billing_accounts b ON b.tenant_id = ANY (t.path) WHERE t.id = p_tenant AND b.terms = 'prepaid' LOOP
        IF croft_prepaid_left(a, croft_accrued(a, now()), now()) <= 0 THEN
            PERFORM croft_raise(409, 'balance_exhausted', CASE WHEN a.tenant_id = p_tenant THEN 'Nothing is left of what was paid in advance.'
                ELSE 'The seller takes no order at the moment.' END);
        END IF;
    END LOOP;
END
$$;

-- Only what billing stopped, and what is not being deleted yet.
CREATE OR REPLACE FUNCTION croft_prepaid_resume(p_tenant uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t tenants := croft_tenant_lock(p_tenant);
BEGIN
    IF t.suspended_by = 'billing' AND (t.state = 'suspended' OR t.state = 'closing' AND t.grace_until > now()) THEN
        PERFORM croft_resume_any(t, '{}', 'billing');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_prepaid_next(a billing_accounts, p_available numeric, p_accrued numeric, p_now timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN p_available >= a.warn_below OR p_available >= 0 AND p_accrued <= 0 THEN 'ok'
        WHEN p_available >= 0 THEN 'warned'
        WHEN a.prepaid_state IN ('ok', 'warned') THEN 'grace'
        WHEN a.prepaid_state = 'grace' AND a.prepaid_since + make_interval(secs => a.grace_s) <= p_now THEN 'suspended'
        WHEN a.prepaid_state = 'suspended' AND a.prepaid_since + make_interval(secs => a.end_after_s) <= p_now THEN 'ended'
        ELSE a.prepaid_state END
$$;

-- Moves the account one step; behind the lock of its tenant.
CREATE OR REPLACE FUNCTION croft_prepaid_move(a billing_accounts, p_state text, p_available numeric, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t tenants;
    v_before jsonb := croft_account_facts(a);
    v_was text := a.prepaid_state;
BEGIN
    UPDATE billing_accounts SET prepaid_state = p_state, prepaid_since = p_now WHERE tenant_id = a.tenant_id RETURNING * INTO a;
    PERFORM croft_changed('billing_account.' || CASE p_state WHEN 'ok' THEN 'recovered' ELSE p_state END, a.tenant_id, 'billing_account', a.tenant_id,
        v_before, croft_account_facts(a));
    SELECT * INTO t FROM tenants WHERE id = a.tenant_id;
    IF p_state IN ('ok', 'warned') AND v_was IN ('suspended', 'ended') THEN
        PERFORM croft_prepaid_resume(a.tenant_id);
    ELSIF p_state = 'suspended' AND t.state = 'active' THEN
        PERFORM croft_suspend_any(t, '{"body":{"reason":"The prepaid balance is used up."}}', 'billing');
    ELSIF p_state = 'ended' AND t.state IN ('active', 'suspended') THEN
        PERFORM croft_close_any(t, '{"body":{"reason":"The prepaid balance was not paid up.","grace_s":604800}}', 'billing');
    END IF;
    IF p_state <> 'ok' THEN
        PERFORM croft_billing_mail(a, 'prepaid_' || p_state, a.tenant_id, jsonb_build_object('currency', a.currency,
            'available', croft_money_text(p_available, a.currency),
            'until', to_char((p_now + make_interval(secs => CASE p_state WHEN 'grace' THEN a.grace_s WHEN 'suspended' THEN a.end_after_s ELSE 604800 END))
                AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')));
    END IF;
END
$$;

-- Looks at what is left; behind the lock of the tenant. p_now: only tests say another time than now.
CREATE OR REPLACE FUNCTION croft_prepaid_look(p_tenant uuid, p_now timestamptz DEFAULT now()) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    a billing_accounts := croft_account_lock(p_tenant);
    v_accrued numeric;
    v_available numeric;
    v_next text;
BEGIN
    IF a.terms <> 'prepaid' THEN
        PERFORM croft_overdue_resume(a); -- what was paid may be what it was stopped for
        RETURN;
    END IF;
    v_accrued := croft_accrued(a, p_now);
    v_available := croft_prepaid_left(a, v_accrued, p_now);
    INSERT INTO prepaid_checks (tenant_id, checked_at, next_at, accrued, available)
        VALUES (a.tenant_id, p_now, p_now + interval '1 hour', v_accrued, v_available)
        ON CONFLICT (tenant_id) DO UPDATE SET checked_at = excluded.checked_at, next_at = excluded.next_at, accrued = excluded.accrued,
            available = excluded.available;
    v_next := croft_prepaid_next(a, v_available, v_accrued, p_now);
    IF v_next <> a.prepaid_state THEN
        PERFORM croft_prepaid_move(a, v_next, v_available, p_now);
    END IF;
END
$$;

-- The next account that is due, in a transaction of its own: it may stop a whole tenant. Returns how many it looked at.
CREATE OR REPLACE FUNCTION croft_prepaid_due(p_now timestamptz DEFAULT now()) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_tenant uuid;
BEGIN
    SELECT t.id INTO v_tenant FROM billing_accounts a JOIN tenants t ON t.id = a.tenant_id LEFT JOIN prepaid_checks k ON k.tenant_id = a.tenant_id
        WHERE a.terms = 'prepaid' AND t.state <> 'closed' AND coalesce(k.next_at <= p_now, true)
        ORDER BY k.next_at NULLS FIRST, a.tenant_id LIMIT 1 FOR NO KEY UPDATE OF t SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    PERFORM croft_tenant_lock(v_tenant);
    PERFORM croft_prepaid_look(v_tenant, p_now);
    RETURN 1;
END
$$;
