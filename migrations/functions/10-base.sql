-- What every other function uses: errors, cursors, ETags, idempotency.
--
-- A function is SQL where the planner can inline it into its caller; everything else is PL/pgSQL, whose plans are kept
-- for the session (those of SQL functions are made again for each call).

-- Raises SQLSTATE CR<status>: MESSAGE for a person, DETAIL the slug of common/err.c, HINT a JSON pointer.
CREATE OR REPLACE FUNCTION croft_raise(p_status int, p_slug text, p_message text, p_pointer text DEFAULT '') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'CR' || p_status, MESSAGE = p_message, DETAIL = p_slug, HINT = p_pointer;
END
$$;

CREATE OR REPLACE FUNCTION croft_raise_not_found(p_what text) RETURNS void LANGUAGE sql AS $$
    SELECT croft_raise(404, 'not_found', format('There is no such %s.', p_what))
$$;

CREATE OR REPLACE FUNCTION croft_etag(p_version bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '"' || p_version::text || '"'; -- without the cast a bigint's || is only STABLE, and this is not inlined

-- An If-Match that must be there and must name the row's version. The ETags of nodes and quotas have a second part,
-- which changes with what is reported or used and is no reason to refuse.
CREATE OR REPLACE FUNCTION croft_check_match(p_req jsonb, p_etag text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_match text := p_req->>'if_match';
BEGIN
    IF v_match IS NULL THEN
        PERFORM croft_raise(428, 'precondition_required', 'Send the ETag that you read in an If-Match header.');
    ELSIF v_match <> '*' AND regexp_replace(v_match, '\.[^"]*"$', '"') <> regexp_replace(p_etag, '\.[^"]*"$', '"') THEN
        PERFORM croft_raise(412, 'precondition_failed', 'It was changed in the meantime: read it again.');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_check_match(p_req jsonb, p_version bigint) RETURNS void LANGUAGE sql AS $$
    SELECT croft_check_match(p_req, croft_etag(p_version))
$$;

-- Cursors are opaque: the key of the last row shown, base64url.
CREATE OR REPLACE FUNCTION croft_cursor(p_id uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN translate(encode(uuid_send(p_id), 'base64'), '+/=', '-_');

CREATE OR REPLACE FUNCTION croft_cursor(p_id bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN translate(encode(int8send(p_id), 'base64'), '+/=', '-_');

CREATE OR REPLACE FUNCTION croft_cursor_hex(p_cursor text, p_bytes int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_raw bytea;
BEGIN
    IF p_cursor ~ '^[A-Za-z0-9_-]{1,32}$' AND length(p_cursor) % 4 <> 1 THEN
        v_raw := decode(rpad(translate(p_cursor, '-_', '+/'), (length(p_cursor) + 3) / 4 * 4, '='), 'base64');
    END IF;
    IF v_raw IS NULL OR length(v_raw) <> p_bytes THEN
        PERFORM croft_raise(422, 'invalid_value', 'The cursor is not one that a list gave out.', '/cursor');
    END IF;
    RETURN encode(v_raw, 'hex');
END
$$;

CREATE OR REPLACE FUNCTION croft_cursor_uuid(p_cursor text) RETURNS uuid LANGUAGE sql IMMUTABLE
    RETURN croft_cursor_hex(p_cursor, 16)::uuid;

CREATE OR REPLACE FUNCTION croft_cursor_bigint(p_cursor text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || croft_cursor_hex(p_cursor, 8))::bit(64)::bigint
$$;

CREATE OR REPLACE FUNCTION croft_uuid_min() RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '00000000-0000-0000-0000-000000000000'::uuid;

CREATE OR REPLACE FUNCTION croft_uuid_max() RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid;

CREATE OR REPLACE FUNCTION croft_limit(p_req jsonb) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN least(greatest(coalesce((p_req->'query'->>'limit')::int, 50), 1), 200);

CREATE OR REPLACE FUNCTION croft_page(p_items text, p_next text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '{"items":[' || coalesce(p_items, '') || '],"next_cursor":' || coalesce('"' || p_next || '"', 'null') || '}';

-- The stored answer of an earlier request with this key, or null: then the key is this transaction's, and a
-- concurrent request with it waits here until this one has committed or failed.
CREATE OR REPLACE FUNCTION croft_idempotency_begin(p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v_key text := p_req->'idempotency'->>'key';
    v_hash text := coalesce(p_req->'idempotency'->>'hash', '');
    v_old idempotency_keys;
BEGIN
    IF v_key IS NULL THEN
        RETURN NULL;
    END IF;
    IF length(v_key) NOT BETWEEN 1 AND 255 THEN
        PERFORM croft_raise(422, 'invalid_value', 'An Idempotency-Key has 1 to 255 characters.');
    END IF;
    INSERT INTO idempotency_keys (principal, key, hash) VALUES (croft_principal(), v_key, v_hash)
        ON CONFLICT (principal, key) DO UPDATE
        SET hash = excluded.hash, status = NULL, body = NULL, location = NULL, created_at = now()
        WHERE idempotency_keys.created_at < now() - interval '24 hours';
    IF FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO STRICT v_old FROM idempotency_keys WHERE principal = croft_principal() AND key = v_key;
    IF v_old.hash <> v_hash THEN
        PERFORM croft_raise(422, 'idempotency_key_reused', 'This Idempotency-Key was used with another request.');
    END IF;
    RETURN (v_old.status, v_old.body, NULL, v_old.location)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_principal() RETURNS text LANGUAGE sql STABLE
    -- With the tenant, since one who acts in several may use a key in each.
    RETURN coalesce('token:' || croft_setting('token'), 'user:' || croft_setting('user'), 'system') || coalesce('@' || croft_setting('tenant'), '');

-- Stores the answer under the request's key; p_stored where the answer shows a secret that must not be kept.
CREATE OR REPLACE FUNCTION croft_idempotency_end(p_req jsonb, p_answer croft_answer, p_stored text DEFAULT NULL)
RETURNS croft_answer LANGUAGE plpgsql AS $$
BEGIN
    UPDATE idempotency_keys
        SET status = p_answer.status, body = coalesce(p_stored, p_answer.body), location = p_answer.location
        WHERE principal = croft_principal() AND key = p_req->'idempotency'->>'key';
    RETURN p_answer;
END
$$;

-- An integer of a request, for amounts that C passed on without a type (quotas).
CREATE OR REPLACE FUNCTION croft_amount(p_value jsonb, p_pointer text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_value) = 'null' THEN
        RETURN NULL;
    ELSIF jsonb_typeof(p_value) <> 'number' OR (p_value #>> '{}') !~ '^[0-9]{1,18}$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'This is a whole number of at least 0, or null for unlimited.', p_pointer);
    END IF;
    RETURN (p_value #>> '{}')::bigint;
END
$$;

-- A price as the API writes it: a decimal string.
CREATE OR REPLACE FUNCTION croft_price(p_value text, p_pointer text) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_value !~ '^[0-9]{1,12}(\.[0-9]{1,6})?$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'A price is a decimal string such as "4.99".', p_pointer);
    END IF;
    RETURN coalesce(p_value, '0')::numeric;
END
$$;
