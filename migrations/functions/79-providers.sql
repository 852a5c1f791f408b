-- Ways to pay, and what providers say. The signature of a notice is checked before it comes here (server/api/steps_payment.c).

CREATE OR REPLACE FUNCTION croft_payment_provider_json(v payment_providers_visible) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', v.id, 'seller_id', v.seller_id, 'kind', v.kind, 'title', v.title, 'instructions', v.instructions,
        'checkout_url', v.checkout_url, 'active', v.active, 'created_at', v.created_at, 'updated_at', v.updated_at)
$$;

CREATE OR REPLACE FUNCTION croft_payment_method_json(v payment_providers_visible) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', v.id, 'kind', v.kind, 'title', v.title, 'instructions', v.instructions)
$$;

CREATE OR REPLACE FUNCTION croft_payment_provider_shown(p_id uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT croft_payment_provider_json(v) FROM payment_providers_visible v WHERE v.id = p_id
$$;

CREATE OR REPLACE FUNCTION croft_checkout_check(p_url text) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_url !~ '^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&''()*+,;=:@%/-]*)?(\?[A-Za-z0-9._~!$&''()*+,;=:@%/?-]*)?$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'This is no https address.', '/checkout_url');
    END IF;
END
$$;

-- The body has the secret twice: to show once, and sealed.
CREATE OR REPLACE FUNCTION croft_admin_payment_provider_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    r croft_answer := croft_idempotency_begin(p_req);
    v_webhook boolean := b->>'kind' = 'webhook';
    v_id uuid;
    v_shown jsonb;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    ELSIF b->>'kind' NOT IN ('manual', 'webhook') THEN
        PERFORM croft_raise(422, 'invalid_value', 'A provider is manual or webhook.', '/kind');
    END IF;
    PERFORM croft_checkout_check(b->>'checkout_url');
    INSERT INTO payment_providers (seller_id, kind, title, instructions, checkout_url, active, secret)
        VALUES (croft_root(), b->>'kind', b->>'title', coalesce(b->>'instructions', ''), b->>'checkout_url', coalesce((b->>'active')::boolean, true),
            CASE WHEN v_webhook THEN b->>'sealed' END) RETURNING id INTO v_id;
    v_shown := croft_payment_provider_shown(v_id);
    PERFORM croft_changed('payment_provider.created', croft_root(), 'payment_provider', v_id, NULL, v_shown);
    r := (201, (v_shown || jsonb_build_object('secret', CASE WHEN v_webhook THEN b->>'secret' END))::text, NULL, NULL);
    RETURN croft_idempotency_end(p_req, r, (v_shown || '{"secret":null}')::text);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_payment_provider_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    v payment_providers;
    v_before jsonb := croft_payment_provider_shown((p_req->>'id')::uuid);
BEGIN
    SELECT * INTO v FROM payment_providers WHERE id = (p_req->>'id')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('payment provider');
    END IF;
    PERFORM croft_check_match(p_req, v.version);
    PERFORM croft_checkout_check(b->>'checkout_url');
    UPDATE payment_providers SET title = coalesce(b->>'title', title), instructions = coalesce(b->>'instructions', instructions),
        checkout_url = CASE WHEN b ? 'checkout_url' THEN b->>'checkout_url' ELSE checkout_url END,
        active = coalesce((b->>'active')::boolean, active)
    WHERE id = v.id RETURNING * INTO v;
    PERFORM croft_changed('payment_provider.updated', v.seller_id, 'payment_provider', v.id, v_before, croft_payment_provider_shown(v.id)::jsonb);
    RETURN (200, croft_payment_provider_shown(v.id)::text, croft_etag(v.version), NULL)::croft_answer;
END
$$;

-- ---- Notices

CREATE OR REPLACE FUNCTION croft_payment_secret(p_provider uuid, OUT secret text) LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT v.secret FROM payment_providers v WHERE v.id = p_provider AND v.kind = 'webhook'
$$;

CREATE OR REPLACE FUNCTION croft_notice_uuid(p_value text, p_pointer text) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN p_value::uuid;
EXCEPTION WHEN invalid_text_representation THEN
    PERFORM croft_raise(422, 'invalid_value', 'This is no id.', p_pointer);
END
$$;

-- The payment that a notice is about: as it was started here, or by the provider's own name, or a new one of a tenant that it names.
CREATE OR REPLACE FUNCTION croft_notice_payment(v payment_providers, d jsonb, p_type text) RETURNS payments LANGUAGE plpgsql AS $$
DECLARE
    p payments;
    a billing_accounts;
    v_id uuid := croft_notice_uuid(d->>'payment_id', '/data/payment_id');
    v_tenant uuid := croft_notice_uuid(d->>'tenant_id', '/data/tenant_id');
BEGIN
    SELECT * INTO p FROM payments x WHERE x.provider_id = v.id AND (v_id IS NULL OR x.id = v_id)
        AND (v_id IS NOT NULL OR x.reference = d->>'reference');
    IF FOUND THEN
        RETURN p;
    ELSIF v_id IS NULL AND p_type = 'payment.succeeded' THEN
        SELECT * INTO a FROM billing_accounts WHERE tenant_id = v_tenant AND seller_id = v.seller_id;
        IF FOUND THEN
            INSERT INTO payments (tenant_id, seller_id, provider_id, method, amount, currency)
                VALUES (a.tenant_id, a.seller_id, v.id, 'webhook', croft_money(d->>'amount', a.currency, '/data/amount'), a.currency) RETURNING * INTO p;
            RETURN p;
        END IF;
    END IF;
    PERFORM croft_raise(422, 'invalid_value', 'There is no such payment of this provider.', '/data');
END
$$;

CREATE OR REPLACE FUNCTION croft_notice_take(v payment_providers, p_type text, d jsonb) RETURNS payments LANGUAGE plpgsql AS $$
DECLARE
    a billing_accounts;
    p payments := croft_notice_payment(v, d, p_type);
BEGIN
    a := croft_payer_lock(p.tenant_id);
    SELECT * INTO p FROM payments WHERE id = p.id;
    IF coalesce(d->>'currency', '') <> p.currency AND p_type <> 'payment.failed' THEN
        PERFORM croft_raise(422, 'invalid_value', format('The account is in %s.', p.currency), '/data/currency');
    ELSIF p_type = 'payment.succeeded' AND p.state IN ('pending', 'failed') THEN
        IF coalesce(d->>'reference', '') !~ '^[[:print:]]{1,200}$' THEN
            PERFORM croft_raise(422, 'invalid_value', 'The provider''s own name of it has 1 to 200 characters.', '/data/reference');
        END IF;
        RETURN croft_payment_succeed(p, a, croft_money(coalesce(d->>'amount', ''), p.currency, '/data/amount'), d->>'reference');
    ELSIF p_type = 'payment.failed' AND p.state = 'pending' THEN
        UPDATE payments SET state = 'failed', settled_at = now() WHERE id = p.id RETURNING * INTO p;
        PERFORM croft_changed('payment.failed', p.tenant_id, 'payment', p.id, '{"state":"pending"}', '{"state":"failed"}');
    ELSIF p_type = 'payment.refunded' THEN
        RETURN croft_payment_refund(p, a, croft_money(coalesce(d->>'amount', ''), p.currency, '/data/amount'), 'The provider has taken it back.', true);
    END IF;
    RETURN p; -- what is said again changes nothing
END
$$;

-- {provider_id, message_id, body, peer, request_id}, signed by the provider. Taken once.
CREATE OR REPLACE FUNCTION croft_payment_notice(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v payment_providers;
    b jsonb := p_req->'body';
BEGIN
    PERFORM croft_enter(NULL, NULL, NULL, NULL, NULL, p_req->>'peer', p_req->>'request_id', NULL);
    SELECT * INTO STRICT v FROM payment_providers WHERE id = (p_req->>'provider_id')::uuid;
    -- The same message at once waits here for the first one.
    INSERT INTO payment_notices (provider_id, message_id, type) VALUES (v.id, p_req->>'message_id', b->>'type') ON CONFLICT DO NOTHING;
    IF FOUND AND b->>'type' IN ('payment.succeeded', 'payment.failed', 'payment.refunded') THEN
        PERFORM croft_notice_take(v, b->>'type', b->'data');
    END IF;
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;
