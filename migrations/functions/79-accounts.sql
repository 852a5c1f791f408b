-- Billing accounts and sellers as the API shows and changes them, and whom bills are mailed to.

CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON billing_sellers FOR EACH ROW EXECUTE FUNCTION croft_bump_version();

CREATE OR REPLACE FUNCTION croft_account_json(a billing_accounts) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('tenant_id', a.tenant_id, 'seller_id', a.seller_id, 'company', a.company, 'contact', a.contact, 'email', a.email,
        'address_lines', a.address_lines, 'postal_code', a.postal_code, 'city', a.city, 'region', a.region, 'country', a.country,
        'vat_id', a.vat_id, 'terms', a.terms, 'currency', a.currency, 'tax_exempt', a.tax_exempt, 'traffic_policy', a.traffic_policy,
        'due_days', a.due_days, 'reminder_days', a.reminder_days, 'overdue_suspend_days', a.overdue_suspend_days, 'warn_below', a.warn_below::text, 'grace_s', a.grace_s, 'end_after_s', a.end_after_s,
        'prepaid_state', a.prepaid_state, 'prepaid_since', a.prepaid_since,
        'balance', croft_money_text((SELECT coalesce(sum(p.unallocated), 0) FROM payments p WHERE p.tenant_id = a.tenant_id AND p.currency = a.currency AND p.unallocated > 0)
            - (SELECT coalesce(sum(i.total - i.settled), 0) FROM invoices i WHERE i.tenant_id = a.tenant_id AND i.currency = a.currency AND i.state = 'final'), a.currency),
        'credit', croft_money_text((SELECT coalesce(sum(c.remaining), 0) FROM credits c
            WHERE c.tenant_id = a.tenant_id AND c.currency = a.currency AND c.remaining > 0 AND coalesce(c.expires_at > now(), true)), a.currency),
        'owed', croft_money_text((SELECT coalesce(sum(i.total - i.settled), 0) FROM invoices i
            WHERE i.tenant_id = a.tenant_id AND i.currency = a.currency AND i.state = 'final' AND i.kind = 'invoice'), a.currency),
        'accrued', croft_money_text(k.accrued, a.currency), 'available', croft_money_text(k.available, a.currency), 'checked_at', k.checked_at,
        'created_at', a.created_at, 'updated_at', a.updated_at)
    FROM (SELECT) one LEFT JOIN prepaid_checks k ON k.tenant_id = a.tenant_id AND a.terms = 'prepaid'
$$;

-- First what was set, then what is shown, which changes with every payment.
CREATE OR REPLACE FUNCTION croft_account_etag(a billing_accounts) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('"%s.%s"', a.version, left(md5(croft_account_json(a)::text), 12))
$$;

CREATE OR REPLACE FUNCTION croft_account_answer(p_tenant uuid) RETURNS croft_answer LANGUAGE sql STABLE AS $$
    SELECT (200, croft_account_json(a)::text, croft_account_etag(a), NULL)::croft_answer FROM billing_accounts a WHERE a.tenant_id = p_tenant
$$;

CREATE OR REPLACE FUNCTION croft_account_facts(a billing_accounts) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT croft_account_json(a)::jsonb - '{balance,credit,owed,accrued,available,checked_at,updated_at}'::text[]
$$;

CREATE OR REPLACE FUNCTION croft_lines(p_value jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(p_value) = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(p_value)) END
$$;

CREATE OR REPLACE FUNCTION croft_address_check(b jsonb) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF b->>'country' !~ '^[A-Z]{2}$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'A country is written as two capital letters (ISO 3166-1).', '/country');
    ELSIF b->>'vat_id' !~ '^[A-Z0-9]{4,20}$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'A VAT number has 4 to 20 capital letters and digits.', '/vat_id');
    ELSIF EXISTS (SELECT FROM jsonb_array_elements_text(CASE jsonb_typeof(b->'address_lines') WHEN 'array' THEN b->'address_lines' ELSE '[]' END) l
            WHERE length(l) = 0) THEN
        PERFORM croft_raise(422, 'invalid_value', 'A line of an address is not empty.', '/address_lines');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_terms_check(a billing_accounts, b jsonb) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF b->>'terms' NOT IN ('prepaid', 'postpaid') THEN
        PERFORM croft_raise(422, 'invalid_value', 'Terms are prepaid or postpaid.', '/terms');
    ELSIF b->>'traffic_policy' NOT IN ('bill', 'throttle') THEN
        PERFORM croft_raise(422, 'invalid_value', 'A traffic policy is bill or throttle.', '/traffic_policy');
    ELSIF b->>'currency' !~ '^[A-Z]{3}$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'A currency has three capital letters.', '/currency');
    ELSIF b->>'warn_below' !~ '^[0-9]{1,9}(\.[0-9]{1,4})?$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'An amount is a decimal string such as "5.00".', '/warn_below');
    ELSIF b->>'currency' <> a.currency AND (EXISTS (SELECT FROM ledger_entries WHERE tenant_id = a.tenant_id)
            OR EXISTS (SELECT FROM charges WHERE account_id = a.tenant_id)) THEN
        PERFORM croft_raise(409, 'conflict', 'Something was charged or paid: the currency stays.', '/currency');
    END IF;
END
$$;

-- b: what is allowed of the body by now.
CREATE OR REPLACE FUNCTION croft_account_set(p_tenant uuid, b jsonb, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    a billing_accounts := croft_payer_lock(p_tenant);
    v_before jsonb := croft_account_facts(a);
BEGIN
    PERFORM croft_check_match(p_req, croft_account_etag(a));
    PERFORM croft_address_check(b);
    PERFORM croft_terms_check(a, b);
    UPDATE billing_accounts SET
        company = CASE WHEN b ? 'company' THEN b->>'company' ELSE company END, contact = CASE WHEN b ? 'contact' THEN b->>'contact' ELSE contact END,
        email = CASE WHEN b ? 'email' THEN b->>'email' ELSE email END, address_lines = coalesce(croft_lines(b->'address_lines'), address_lines),
        postal_code = CASE WHEN b ? 'postal_code' THEN b->>'postal_code' ELSE postal_code END,
        city = CASE WHEN b ? 'city' THEN b->>'city' ELSE city END, region = CASE WHEN b ? 'region' THEN b->>'region' ELSE region END,
        country = CASE WHEN b ? 'country' THEN b->>'country' ELSE country END, vat_id = CASE WHEN b ? 'vat_id' THEN b->>'vat_id' ELSE vat_id END,
        terms = coalesce(b->>'terms', terms), currency = coalesce(b->>'currency', currency),
        prepaid_state = CASE WHEN b->>'terms' = 'postpaid' THEN 'ok' ELSE prepaid_state END,
        prepaid_since = CASE WHEN b->>'terms' = 'postpaid' AND prepaid_state <> 'ok' THEN now() ELSE prepaid_since END,
        tax_exempt = coalesce((b->>'tax_exempt')::boolean, tax_exempt), traffic_policy = coalesce(b->>'traffic_policy', traffic_policy),
        due_days = coalesce((b->>'due_days')::int, due_days), reminder_days = coalesce(croft_reminder_days(b->'reminder_days'), reminder_days),
        overdue_suspend_days = CASE WHEN b ? 'overdue_suspend_days' THEN (b->>'overdue_suspend_days')::int ELSE overdue_suspend_days END,
        warn_below = coalesce((b->>'warn_below')::numeric, warn_below),
        grace_s = coalesce((b->>'grace_s')::int, grace_s), end_after_s = coalesce((b->>'end_after_s')::int, end_after_s)
    WHERE tenant_id = a.tenant_id RETURNING * INTO a;
    PERFORM croft_changed('billing_account.updated', a.tenant_id, 'billing_account', a.tenant_id, v_before, croft_account_facts(a));
    IF v_before->>'terms' = 'prepaid' AND a.terms = 'postpaid' THEN
        PERFORM croft_prepaid_resume(a.tenant_id);
    END IF;
    PERFORM croft_prepaid_look(a.tenant_id);
    RETURN croft_account_answer(a.tenant_id);
END
$$;

-- Who buys says who it is; on what terms its seller says.
CREATE OR REPLACE FUNCTION croft_account_update(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_account_set(croft_tenant_id(), (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(p_req->'body') e
        WHERE e.key IN ('company', 'contact', 'email', 'address_lines', 'postal_code', 'city', 'region', 'country', 'vat_id')), p_req)
$$;

CREATE OR REPLACE FUNCTION croft_child_account_set(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN croft_account_set((croft_child_lock(p_req)).id, p_req->'body', p_req);
END
$$;

-- With what is left of credits, which row-level security keeps from a reseller.
CREATE OR REPLACE FUNCTION croft_child_account_read(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tenants WHERE id = (p_req->>'id')::uuid AND parent_id = croft_tenant_id() AND kind = 'tenant') THEN
        PERFORM croft_raise_not_found('tenant');
    END IF;
    RETURN croft_account_answer((p_req->>'id')::uuid);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_account_set(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_account_set((p_req->>'id')::uuid, p_req->'body', p_req)
$$;

-- ---- Sellers

CREATE OR REPLACE FUNCTION croft_seller_json(s billing_sellers) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('tenant_id', s.tenant_id, 'company', s.company, 'email', s.email, 'address_lines', s.address_lines,
        'postal_code', s.postal_code, 'city', s.city, 'region', s.region, 'country', s.country, 'vat_id', s.vat_id,
        'number_prefix', s.number_prefix, 'footer', s.footer, 'updated_at', s.updated_at)
$$;

CREATE OR REPLACE FUNCTION croft_seller_check(b jsonb) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM croft_address_check(b);
    IF b->>'number_prefix' !~ '^[A-Z0-9-]{0,12}$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'Numbers begin with at most 12 capital letters, digits and hyphens.', '/number_prefix');
    END IF;
END
$$;

-- Set whole; one that is there needs its ETag.
CREATE OR REPLACE FUNCTION croft_seller_put(p_tenant uuid, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    b jsonb := p_req->'body';
    s billing_sellers;
    v_before jsonb;
BEGIN
    PERFORM FROM tenants WHERE id = p_tenant FOR NO KEY UPDATE;
    SELECT * INTO s FROM billing_sellers WHERE tenant_id = p_tenant FOR NO KEY UPDATE;
    IF FOUND THEN
        PERFORM croft_check_match(p_req, s.version);
        v_before := croft_seller_json(s);
    ELSIF coalesce(p_req->>'if_match', '*') <> '*' THEN
        PERFORM croft_raise(412, 'precondition_failed', 'It was changed in the meantime: read it again.');
    END IF;
    PERFORM croft_seller_check(b);
    INSERT INTO billing_sellers (tenant_id, company, email, address_lines, postal_code, city, region, country, vat_id, number_prefix, footer)
        VALUES (p_tenant, b->>'company', b->>'email', coalesce(croft_lines(b->'address_lines'), '{}'), b->>'postal_code', b->>'city', b->>'region',
            b->>'country', b->>'vat_id', coalesce(b->>'number_prefix', ''), coalesce(b->>'footer', ''))
        ON CONFLICT (tenant_id) DO UPDATE SET company = excluded.company, email = excluded.email, address_lines = excluded.address_lines,
            postal_code = excluded.postal_code, city = excluded.city, region = excluded.region, country = excluded.country,
            vat_id = excluded.vat_id, number_prefix = excluded.number_prefix, footer = excluded.footer
        RETURNING * INTO s;
    PERFORM croft_changed('billing_seller.changed', p_tenant, 'billing_seller', p_tenant, v_before, croft_seller_json(s)::jsonb);
    RETURN (200, croft_seller_json(s)::text, croft_etag(s.version), NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_seller_set(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_seller_put(croft_root(), p_req)
$$;

CREATE OR REPLACE FUNCTION croft_seller_set(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_seller_check(p_req->'body');
    PERFORM croft_reseller_check();
    RETURN croft_seller_put(croft_tenant_id(), p_req);
END
$$;

-- ---- Mail

-- To the address that bills go to; without one to the owners and to those whose role is billing.
CREATE OR REPLACE FUNCTION croft_billing_mail(a billing_accounts, p_kind text, p_subject uuid, p_args jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_to text;
BEGIN
    FOR v_to IN SELECT a.email WHERE a.email IS NOT NULL
        UNION SELECT u.email FROM memberships m JOIN users u ON u.id = m.user_id AND u.state = 'active'
        WHERE a.email IS NULL AND m.tenant_id = a.tenant_id AND m.role IN ('owner', 'billing') ORDER BY 1
    LOOP
        PERFORM croft_mail(p_kind, v_to, p_subject, p_args || jsonb_build_object('tenant', (SELECT t.name FROM tenants t WHERE t.id = a.tenant_id)));
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION croft_invoice_mail_args(i invoices) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('number', i.number, 'month', to_char(i.month, 'YYYY-MM'), 'currency', i.currency,
        'total', croft_money_text(i.total, i.currency), 'open', croft_money_text(i.total - i.settled, i.currency),
        'due', coalesce(to_char(i.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), ''))
$$;
