-- Price books and tax rules: what a seller (an operator for the root, a reseller for itself) says that things cost. Functions that end
-- in _any are both's; who calls them has found the seller.

CREATE OR REPLACE FUNCTION croft_price_item_json(i price_items) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('meter', i.meter, 'plan_id', i.plan_id, 'location_id', i.location_id, 'price_hour', i.price_hour::text,
        'price_month', i.price_month::text, 'price_unit', i.price_unit::text, 'percent', i.percent::text, 'included', i.included::text);

CREATE OR REPLACE FUNCTION croft_price_version_json(v price_book_versions) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', v.id, 'book_id', v.book_id, 'number', v.number, 'valid_from', v.valid_from, 'created_at', v.created_at,
        'items', coalesce((SELECT json_agg(croft_price_item_json(i) ORDER BY i.meter, i.plan_id NULLS FIRST, i.location_id NULLS FIRST)
            FROM price_items i WHERE i.version_id = v.id), '[]'))
$$;

CREATE OR REPLACE FUNCTION croft_price_book_json(b price_books) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', b.id, 'seller_id', b.seller_id, 'currency', b.currency, 'name', b.name,
        'now', (SELECT croft_price_version_json(v) FROM price_book_versions v WHERE v.book_id = b.id AND v.valid_from <= now()
            ORDER BY v.valid_from DESC LIMIT 1),
        'next', (SELECT croft_price_version_json(v) FROM price_book_versions v WHERE v.book_id = b.id AND v.valid_from > now()
            ORDER BY v.valid_from LIMIT 1), 'created_at', b.created_at, 'updated_at', b.updated_at)
$$;

CREATE OR REPLACE FUNCTION croft_tax_rule_json(t tax_rules) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', t.id, 'seller_id', t.seller_id, 'country', t.country, 'region', t.region, 'meter', t.category,
        'rate', t.rate::text, 'name', t.name, 'valid_from', t.valid_from, 'created_at', t.created_at);

-- A decimal of a request, within what its column takes; null where there is none.
CREATE OR REPLACE FUNCTION croft_decimal(p_value jsonb, p_pointer text, p_max numeric DEFAULT 999999999999.999999) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v numeric;
BEGIN
    IF p_value IS NULL OR p_value = 'null' THEN
        RETURN NULL;
    ELSIF jsonb_typeof(p_value) <> 'string' THEN
        PERFORM croft_raise(422, 'invalid_value', 'This is a decimal string such as "4.99".', p_pointer);
    END IF;
    v := croft_price(p_value #>> '{}', p_pointer);
    IF v > p_max THEN
        PERFORM croft_raise(422, 'invalid_value', format('This is at most %s.', p_max), p_pointer);
    END IF;
    RETURN v;
END
$$;

CREATE OR REPLACE FUNCTION croft_id_of(p_value jsonb, p_pointer text) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_value IS NULL OR p_value = 'null' THEN
        RETURN NULL;
    ELSIF jsonb_typeof(p_value) <> 'string' THEN
        RAISE invalid_text_representation;
    END IF;
    RETURN (p_value #>> '{}')::uuid;
EXCEPTION WHEN invalid_text_representation THEN
    PERFORM croft_raise(422, 'invalid_value', 'This is no id.', p_pointer);
END
$$;

-- From the next second on at the earliest, so that no second that has begun changes its price.
CREATE OR REPLACE FUNCTION croft_price_from(p_text text) RETURNS timestamptz LANGUAGE sql STABLE
    RETURN CASE WHEN p_text IS NULL THEN croft_second() + interval '1 second'
        ELSE greatest(date_trunc('second', croft_valid_from(p_text), 'UTC'), croft_second() + interval '1 second') END;

CREATE OR REPLACE FUNCTION croft_price_book_create_any(p_seller uuid, p_req jsonb, p_base text) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    b price_books;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    INSERT INTO price_books (seller_id, currency, name) VALUES (p_seller, p_req->'body'->>'currency', p_req->'body'->>'name')
        ON CONFLICT DO NOTHING RETURNING * INTO b;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'There is a price book of this currency.', '/currency');
    END IF;
    PERFORM croft_changed('price_book.created', nullif(p_seller, croft_root()), 'price_book', b.id, NULL, to_jsonb(croft_price_book_json(b)));
    a := (201, croft_price_book_json(b)::text, croft_etag(b.version), p_base || b.id);
    RETURN croft_idempotency_end(p_req, a);
END
$$;

-- One's own; of operators any.
CREATE OR REPLACE FUNCTION croft_price_book_hold(p_seller uuid, p_id uuid) RETURNS price_books LANGUAGE plpgsql AS $$
DECLARE
    b price_books;
BEGIN
    SELECT * INTO b FROM price_books WHERE id = p_id AND (p_seller IS NULL OR seller_id = p_seller) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('price book');
    END IF;
    RETURN b;
END
$$;

CREATE OR REPLACE FUNCTION croft_price_book_update_any(b price_books, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v_before jsonb := to_jsonb(croft_price_book_json(b));
BEGIN
    PERFORM croft_check_match(p_req, b.version);
    UPDATE price_books SET name = p_req->'body'->>'name' WHERE id = b.id RETURNING * INTO b;
    PERFORM croft_changed('price_book.updated', nullif(b.seller_id, croft_root()), 'price_book', b.id, v_before, to_jsonb(croft_price_book_json(b)));
    RETURN (200, croft_price_book_json(b)::text, croft_etag(b.version), NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_price_item_add(p_version uuid, p_item jsonb, p_at text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_key text;
BEGIN
    IF jsonb_typeof(p_item) <> 'object' THEN
        PERFORM croft_raise(422, 'invalid_value', 'This is an object.', p_at);
    END IF;
    SELECT k INTO v_key FROM jsonb_object_keys(p_item) k
        WHERE k NOT IN ('meter', 'plan_id', 'location_id', 'price_hour', 'price_month', 'price_unit', 'percent', 'included') LIMIT 1;
    IF v_key IS NOT NULL THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such field.', p_at || '/' || v_key);
    ELSIF jsonb_typeof(p_item->'meter') IS DISTINCT FROM 'string' THEN
        PERFORM croft_raise(422, 'invalid_value', 'An item says of which meter it is.', p_at || '/meter');
    END IF;
    INSERT INTO price_items (version_id, meter, plan_id, location_id, price_hour, price_month, price_unit, percent, included)
    VALUES (p_version, p_item->>'meter', croft_id_of(p_item->'plan_id', p_at || '/plan_id'), croft_id_of(p_item->'location_id', p_at || '/location_id'),
        croft_decimal(p_item->'price_hour', p_at || '/price_hour'), croft_decimal(p_item->'price_month', p_at || '/price_month'),
        croft_decimal(p_item->'price_unit', p_at || '/price_unit'), croft_decimal(p_item->'percent', p_at || '/percent', 100),
        coalesce(croft_decimal(p_item->'included', p_at || '/included', 1000000000), 0));
EXCEPTION
    WHEN unique_violation THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is another item for the same.', p_at);
    WHEN foreign_key_violation THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such plan or location.', p_at);
    WHEN check_violation THEN
        PERFORM croft_raise(422, 'invalid_value', 'A plan and addresses have prices by hour and month; snapshots and disk by the month; traffic, cpu and io '
            'by the unit; the others a percent. Only plan, ipv4, backup and the states are told apart by plan; only traffic, cpu and io, in all locations alike, include something.', p_at);
END
$$;

CREATE OR REPLACE FUNCTION croft_price_version_create_any(b price_books, p_req jsonb, p_base text) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v_items jsonb := p_req->'body'->'items';
    v price_book_versions;
BEGIN
    IF jsonb_typeof(v_items) <> 'array' OR jsonb_array_length(v_items) > 500 THEN
        PERFORM croft_raise(422, 'invalid_value', 'This is a list of at most 500 items.', '/items');
    END IF;
    INSERT INTO price_book_versions (book_id, number, valid_from)
        SELECT b.id, coalesce(max(number), 0) + 1, croft_price_from(p_req->'body'->>'valid_from') FROM price_book_versions WHERE book_id = b.id
        ON CONFLICT (book_id, valid_from) DO NOTHING RETURNING * INTO v;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'There is a version that begins to hold at that time.', '/valid_from');
    END IF;
    PERFORM croft_price_item_add(v.id, x.item, '/items/' || x.n - 1) FROM jsonb_array_elements(v_items) WITH ORDINALITY x (item, n);
    UPDATE price_books SET updated_at = now() WHERE id = b.id; -- its ETag
    PERFORM croft_changed('price_book.version_created', nullif(b.seller_id, croft_root()), 'price_book', b.id, NULL, to_jsonb(croft_price_version_json(v)));
    RETURN (201, croft_price_version_json(v)::text, NULL, p_base || v.id)::croft_answer;
END
$$;

-- Only one that does not hold yet: nothing was rated with it.
CREATE OR REPLACE FUNCTION croft_price_version_delete_any(p_seller uuid, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := (p_req->>'id')::uuid;
    b price_books;
    v price_book_versions;
BEGIN
    SELECT x.* INTO b FROM price_books x JOIN price_book_versions y ON y.book_id = x.id
        WHERE y.id = v_id AND (p_seller IS NULL OR x.seller_id = p_seller) FOR NO KEY UPDATE OF x;
    SELECT * INTO v FROM price_book_versions WHERE id = v_id AND book_id = b.id;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('version');
    ELSIF v.valid_from <= clock_timestamp() THEN
        PERFORM croft_raise(409, 'conflict', 'Only a version that does not hold yet can be deleted.');
    END IF;
    PERFORM croft_changed('price_book.version_deleted', nullif(b.seller_id, croft_root()), 'price_book', b.id, to_jsonb(croft_price_version_json(v)), NULL);
    DELETE FROM price_book_versions WHERE id = v.id;
    UPDATE price_books SET updated_at = now() WHERE id = b.id;
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_tax_rule_create_any(p_seller uuid, p_req jsonb, p_base text) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    b jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    t tax_rules;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    IF b->>'region' IS NOT NULL AND b->>'country' IS NULL THEN
        PERFORM croft_raise(422, 'invalid_value', 'A region is of a country.', '/region');
    END IF;
    INSERT INTO tax_rules (seller_id, country, region, category, rate, name, valid_from)
    VALUES (p_seller, b->>'country', b->>'region', b->>'meter', croft_decimal(b->'rate', '/rate', 100), b->>'name', croft_price_from(b->>'valid_from'))
        ON CONFLICT DO NOTHING RETURNING * INTO t;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'There is a rule for the same that begins to hold at that time.', '/valid_from');
    END IF;
    PERFORM croft_changed('tax_rule.created', nullif(p_seller, croft_root()), 'tax_rule', t.id, NULL, to_jsonb(croft_tax_rule_json(t)));
    a := (201, croft_tax_rule_json(t)::text, NULL, p_base || t.id);
    RETURN croft_idempotency_end(p_req, a);
END
$$;

CREATE OR REPLACE FUNCTION croft_tax_rule_delete_any(p_seller uuid, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    t tax_rules;
BEGIN
    SELECT * INTO t FROM tax_rules WHERE id = (p_req->>'id')::uuid AND (p_seller IS NULL OR seller_id = p_seller);
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('tax rule');
    ELSIF t.valid_from <= clock_timestamp() THEN
        PERFORM croft_raise(409, 'conflict', 'A rule that holds ends by another that begins.');
    END IF;
    DELETE FROM tax_rules WHERE id = t.id;
    IF NOT FOUND THEN -- of two at once
        PERFORM croft_raise_not_found('tax rule');
    END IF;
    PERFORM croft_changed('tax_rule.deleted', nullif(t.seller_id, croft_root()), 'tax_rule', t.id, to_jsonb(croft_tax_rule_json(t)), NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

-- ---- Who may: operators, and resellers their own

CREATE OR REPLACE FUNCTION croft_admin_price_book_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN croft_price_book_create_any(croft_root(), p_req, '/v1/admin/price-books/');
END
$$;

CREATE OR REPLACE FUNCTION croft_price_book_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_reseller_check();
    RETURN croft_price_book_create_any(croft_tenant_id(), p_req, '/v1/price-books/');
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_price_book_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN croft_price_book_update_any(croft_price_book_hold(NULL, (p_req->>'id')::uuid), p_req);
END
$$;

CREATE OR REPLACE FUNCTION croft_price_book_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_reseller_check();
    RETURN croft_price_book_update_any(croft_price_book_hold(croft_tenant_id(), (p_req->>'id')::uuid), p_req);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_price_book_version_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    RETURN croft_idempotency_end(p_req, croft_price_version_create_any(croft_price_book_hold(NULL, (p_req->>'id')::uuid), p_req, '/v1/admin/price-book-versions/'));
END
$$;

CREATE OR REPLACE FUNCTION croft_price_book_version_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
BEGIN
    PERFORM croft_reseller_check();
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    RETURN croft_idempotency_end(p_req, croft_price_version_create_any(croft_price_book_hold(croft_tenant_id(), (p_req->>'id')::uuid), p_req, '/v1/price-book-versions/'));
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_price_book_version_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN croft_price_version_delete_any(NULL, p_req);
END
$$;

CREATE OR REPLACE FUNCTION croft_price_book_version_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_reseller_check();
    RETURN croft_price_version_delete_any(croft_tenant_id(), p_req);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_tax_rule_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN croft_tax_rule_create_any(croft_root(), p_req, '/v1/admin/tax-rules/');
END
$$;

CREATE OR REPLACE FUNCTION croft_tax_rule_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_reseller_check();
    RETURN croft_tax_rule_create_any(croft_tenant_id(), p_req, '/v1/tax-rules/');
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_tax_rule_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN croft_tax_rule_delete_any(NULL, p_req);
END
$$;

CREATE OR REPLACE FUNCTION croft_tax_rule_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_reseller_check();
    RETURN croft_tax_rule_delete_any(croft_tenant_id(), p_req);
END
$$;
