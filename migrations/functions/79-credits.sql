-- Credits: granted by a seller, or made of a promotion's code; they expire.

CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON promotions FOR EACH ROW WHEN (OLD.uses = NEW.uses) EXECUTE FUNCTION croft_bump_version();

CREATE OR REPLACE FUNCTION croft_credit_json(c credits) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', c.id, 'tenant_id', c.tenant_id, 'source', c.source, 'promotion_id', c.promotion_id,
        'amount', croft_money_text(c.amount, c.currency), 'remaining', croft_money_text(c.remaining, c.currency), 'currency', c.currency,
        'note', c.note, 'expires_at', c.expires_at, 'expired_at', c.expired_at, 'created_at', c.created_at)
$$;

CREATE OR REPLACE FUNCTION croft_promotion_json(m promotions) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', m.id, 'seller_id', m.seller_id, 'code', m.code, 'amount', croft_money_text(m.amount, m.currency),
        'currency', m.currency, 'active', m.active, 'expires_at', m.expires_at, 'credit_days', m.credit_days, 'max_uses', m.max_uses,
        'uses', m.uses, 'created_at', m.created_at, 'updated_at', m.updated_at)
$$;

-- A time of a request, or null.
CREATE OR REPLACE FUNCTION croft_time(p_value text, p_pointer text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'A time is written as RFC 3339 says.', p_pointer);
    END IF;
    RETURN p_value::timestamptz;
EXCEPTION WHEN data_exception THEN
    PERFORM croft_raise(422, 'invalid_value', 'There is no such time.', p_pointer);
END
$$;

CREATE OR REPLACE FUNCTION croft_time_ahead(p_value text, p_pointer text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF croft_time(p_value, p_pointer) <= now() THEN
        PERFORM croft_raise(422, 'invalid_value', 'This time is over.', p_pointer);
    END IF;
    RETURN croft_time(p_value, p_pointer);
END
$$;

-- Booked as what it costs against what may be used; an invoice takes it from there.
CREATE OR REPLACE FUNCTION croft_credit_make(a billing_accounts, p_amount numeric, p_expires timestamptz, p_promotion uuid, p_note text) RETURNS credits
LANGUAGE plpgsql AS $$
DECLARE
    c credits;
BEGIN
    INSERT INTO credits (tenant_id, currency, amount, remaining, source, promotion_id, note, expires_at)
        VALUES (a.tenant_id, a.currency, p_amount, p_amount, CASE WHEN p_promotion IS NULL THEN 'grant' ELSE 'promotion' END, p_promotion, p_note, p_expires)
        RETURNING * INTO c;
    PERFORM croft_book(a.tenant_id, a.currency, 'credit_granted', c.id, 'Credit', jsonb_build_object('promotion', p_amount, 'credits', -p_amount));
    PERFORM croft_changed('credit.created', a.tenant_id, 'credit', c.id, NULL, croft_credit_json(c)::jsonb);
    PERFORM croft_settle_account(a);
    PERFORM croft_prepaid_look(a.tenant_id);
    SELECT * INTO c FROM credits WHERE id = c.id;
    RETURN c;
END
$$;

CREATE OR REPLACE FUNCTION croft_credit_grant(p_tenant uuid, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    b jsonb := p_req->'body';
    r croft_answer := croft_idempotency_begin(p_req);
    a billing_accounts;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;
    a := croft_payer_lock(p_tenant);
    RETURN croft_idempotency_end(p_req, (201, croft_credit_json(croft_credit_make(a, croft_money(b->>'amount', a.currency, '/amount'),
        croft_time_ahead(b->>'expires_at', '/expires_at'), NULL, b->>'note'))::text, NULL, NULL)::croft_answer);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_credit_grant(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_credit_grant((p_req->>'id')::uuid, p_req)
$$;

CREATE OR REPLACE FUNCTION croft_child_credit_grant(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN croft_credit_grant((croft_child_lock(p_req)).id, p_req);
END
$$;

-- A code is of one's own seller. Whether it is unknown, over or used up does not show.
CREATE OR REPLACE FUNCTION croft_credit_redeem(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    r croft_answer := croft_idempotency_begin(p_req);
    a billing_accounts;
    m promotions;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;
    a := croft_payer_lock(croft_tenant_id());
    UPDATE promotions SET uses = uses + 1
        WHERE seller_id = a.seller_id AND code = upper(p_req->'body'->>'code') AND active AND currency = a.currency
            AND coalesce(expires_at > now(), true) AND coalesce(uses < max_uses, true) RETURNING * INTO m;
    IF NOT FOUND THEN
        PERFORM croft_raise(422, 'invalid_value', 'This code is not valid.', '/code');
    ELSIF EXISTS (SELECT FROM credits WHERE promotion_id = m.id AND tenant_id = a.tenant_id) THEN
        PERFORM croft_raise(409, 'conflict', 'This code was redeemed.', '/code');
    END IF;
    RETURN croft_idempotency_end(p_req, (201, croft_credit_json(croft_credit_make(a, m.amount, now() + make_interval(days => m.credit_days), m.id,
        NULL))::text, NULL, NULL)::croft_answer);
END
$$;

CREATE OR REPLACE FUNCTION croft_promotion_create_any(p_seller uuid, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    b jsonb := p_req->'body';
    r croft_answer := croft_idempotency_begin(p_req);
    m promotions;
    v_currency text := coalesce(b->>'currency', 'EUR');
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    ELSIF b->>'code' !~ '^[A-Z0-9-]{4,40}$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'A code has 4 to 40 capital letters, digits and hyphens.', '/code');
    ELSIF v_currency !~ '^[A-Z]{3}$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'A currency has three capital letters.', '/currency');
    END IF;
    INSERT INTO promotions (seller_id, code, amount, currency, expires_at, credit_days, max_uses)
        VALUES (p_seller, b->>'code', croft_money(b->>'amount', v_currency, '/amount'), v_currency,
            croft_time_ahead(b->>'expires_at', '/expires_at'), (b->>'credit_days')::int, (b->>'max_uses')::int)
        ON CONFLICT (seller_id, code) DO NOTHING RETURNING * INTO m;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'There is a promotion with this code.', '/code');
    END IF;
    PERFORM croft_changed('promotion.created', m.seller_id, 'promotion', m.id, NULL, croft_promotion_json(m)::jsonb);
    RETURN croft_idempotency_end(p_req, (201, croft_promotion_json(m)::text, NULL, NULL)::croft_answer);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_promotion_create(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_promotion_create_any(croft_root(), p_req)
$$;

CREATE OR REPLACE FUNCTION croft_promotion_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_reseller_check();
    RETURN croft_promotion_create_any(croft_selling(), p_req);
END
$$;

-- p_seller: null for staff, who may change any.
CREATE OR REPLACE FUNCTION croft_promotion_update_any(p_seller uuid, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    m promotions;
    v_before jsonb;
BEGIN
    SELECT * INTO m FROM promotions WHERE id = (p_req->>'id')::uuid AND (p_seller IS NULL OR seller_id = p_seller) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('promotion');
    END IF;
    PERFORM croft_check_match(p_req, m.version);
    v_before := croft_promotion_json(m);
    UPDATE promotions SET active = coalesce((p_req->'body'->>'active')::boolean, active) WHERE id = m.id RETURNING * INTO m;
    PERFORM croft_changed('promotion.updated', m.seller_id, 'promotion', m.id, v_before, croft_promotion_json(m)::jsonb);
    RETURN (200, croft_promotion_json(m)::text, croft_etag(m.version), NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_promotion_update(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_promotion_update_any(NULL, p_req)
$$;

CREATE OR REPLACE FUNCTION croft_promotion_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_reseller_check();
    RETURN croft_promotion_update_any(croft_selling(), p_req);
END
$$;

-- What nobody used in time, at most so many at once.
CREATE OR REPLACE FUNCTION croft_credits_expire(p_limit int, p_now timestamptz DEFAULT now()) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    x record;
    c credits;
    v_before jsonb;
    v_count int := 0;
BEGIN
    -- Account by account; one that is busy is left for the next time.
    FOR x IN SELECT a.tenant_id FROM billing_accounts a WHERE a.tenant_id IN (SELECT d.tenant_id FROM credits d
            WHERE d.remaining > 0 AND d.expires_at <= p_now ORDER BY d.expires_at LIMIT p_limit) ORDER BY a.tenant_id FOR NO KEY UPDATE OF a SKIP LOCKED
    LOOP
        FOR c IN SELECT * FROM credits WHERE tenant_id = x.tenant_id AND remaining > 0 AND expires_at <= p_now ORDER BY id
        LOOP
            v_before := croft_credit_json(c);
            PERFORM croft_book(c.tenant_id, c.currency, 'credit_expired', c.id, 'Credit that expired',
                jsonb_build_object('credits', c.remaining, 'promotion', -c.remaining));
            UPDATE credits SET remaining = 0, expired_at = p_now WHERE id = c.id RETURNING * INTO c;
            PERFORM croft_changed('credit.expired', c.tenant_id, 'credit', c.id, v_before, croft_credit_json(c)::jsonb);
            v_count := v_count + 1;
        END LOOP;
    END LOOP;
    RETURN v_count;
END
$$;
