-- What lists and objects have in common: cursors of sorted lists, label selectors, references of billing modules, protection.

-- Above every text that is listed: none has more than 254 characters.
CREATE OR REPLACE FUNCTION croft_text_max() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN repeat(chr(1114111), 256);

-- The cursor of a sorted list: which statement gave it out, and the last row's id and key. base64url.
CREATE OR REPLACE FUNCTION croft_cursor_sorted(p_tag text, p_key text, p_id uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN translate(encode(convert_to(p_tag || ' ' || p_id::text || ' ' || p_key, 'UTF8'), 'base64'), E'+/=\n', '-_');

-- {id, key}. Refuses what this list in this order did not give out, so far as that shows.
CREATE OR REPLACE FUNCTION croft_cursor_parts(p_cursor text, p_tag text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_text text;
    v_parts text[];
BEGIN
    BEGIN
        v_text := convert_from(decode(rpad(translate(p_cursor, '-_', '+/'), (length(p_cursor) + 3) / 4 * 4, '='), 'base64'), 'UTF8');
        v_parts := regexp_match(v_text, '^([a-z_]+) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) (.*)$');
    EXCEPTION WHEN invalid_parameter_value OR character_not_in_repertoire OR untranslatable_character OR invalid_text_representation THEN
        NULL;
    END;
    IF v_parts[1] IS DISTINCT FROM p_tag THEN
        PERFORM croft_raise(422, 'invalid_value', 'The cursor is not one that this list gave out in this order.', '/cursor');
    END IF;
    RETURN v_parts[2:];
END
$$;

CREATE OR REPLACE FUNCTION croft_cursor_id(p_cursor text, p_tag text) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (croft_cursor_parts(p_cursor, p_tag))[1]::uuid;
END
$$;

CREATE OR REPLACE FUNCTION croft_cursor_text(p_cursor text, p_tag text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (croft_cursor_parts(p_cursor, p_tag))[2];
END
$$;

CREATE OR REPLACE FUNCTION croft_cursor_numeric(p_cursor text, p_tag text) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_key text := (croft_cursor_parts(p_cursor, p_tag))[2];
BEGIN
    IF v_key !~ '^-?[0-9]{1,19}(\.[0-9]{1,20})?$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'The cursor is not one that a list gave out.', '/cursor');
    END IF;
    RETURN v_key::numeric;
END
$$;

CREATE OR REPLACE FUNCTION croft_cursor_int(p_cursor text, p_tag text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_key numeric := croft_cursor_numeric(p_cursor, p_tag);
BEGIN
    IF v_key NOT BETWEEN -9223372036854775808 AND 9223372036854775807 THEN
        PERFORM croft_raise(422, 'invalid_value', 'The cursor is not one that a list gave out.', '/cursor');
    END IF;
    RETURN v_key::bigint;
END
$$;

CREATE OR REPLACE FUNCTION croft_cursor_time(p_cursor text, p_tag text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_key text := (croft_cursor_parts(p_cursor, p_tag))[2];
BEGIN
    IF v_key ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?[+-][0-9]{2}(:[0-9]{2})?$' THEN
        RETURN v_key::timestamptz;
    END IF;
    PERFORM croft_raise(422, 'invalid_value', 'The cursor is not one that a list gave out.', '/cursor');
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format OR invalid_time_zone_displacement_value THEN
    PERFORM croft_raise(422, 'invalid_value', 'The cursor is not one that a list gave out.', '/cursor');
END
$$;

-- The rest of a selector (server/api/labels.h); that its `is` is contained the list itself asks, since an index can tell.
CREATE OR REPLACE FUNCTION croft_labels_match(p_labels jsonb, p_selector jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN p_labels ?& ARRAY(SELECT jsonb_array_elements_text(p_selector->'has'))
        AND NOT p_labels ?| ARRAY(SELECT jsonb_array_elements_text(p_selector->'lacks'))
        AND NOT EXISTS (SELECT FROM jsonb_array_elements(p_selector->'not') n WHERE p_labels @> n);
END
$$;

-- A conflict with something that is there already, which the problem names: its type and id travel as the error's table and
-- column (server/db_conn.c).
CREATE OR REPLACE FUNCTION croft_raise_existing(p_slug text, p_message text, p_pointer text, p_type text, p_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF p_id IS NULL THEN
        PERFORM croft_raise(409, p_slug, p_message, p_pointer);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'CR409', MESSAGE = p_message, DETAIL = p_slug, HINT = p_pointer, TABLE = p_type,
        COLUMN = p_id::text;
END
$$;

-- Within whose tenants the references of a tenant's things are unique: its reseller's, or its own if it is one.
CREATE OR REPLACE FUNCTION croft_reseller_of(p_tenant uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN kind = 'tenant' THEN reseller_id ELSE id END FROM tenants WHERE id = p_tenant
$$;

CREATE OR REPLACE FUNCTION croft_tenant_reseller() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.reseller_id := croft_reseller_of(NEW.parent_id);
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER tenant_reseller BEFORE INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION croft_tenant_reseller();

CREATE OR REPLACE FUNCTION croft_vps_reseller() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.reseller_id := croft_reseller_of(NEW.tenant_id);
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER reseller BEFORE INSERT OR UPDATE OF tenant_id ON vps FOR EACH ROW EXECUTE FUNCTION croft_vps_reseller();

-- Refuses a reference that another vps of the reseller has. Whose it is only its own tenant learns.
CREATE OR REPLACE FUNCTION croft_vps_ref_refuse(p_tenant uuid, p_ref text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM croft_raise_existing('external_ref_exists', 'There is a vps with this external_ref.', '/external_ref', 'vps',
        (SELECT id FROM vps WHERE tenant_id = p_tenant AND reseller_id = croft_reseller_of(p_tenant) AND external_ref = p_ref
            AND deleted_at IS NULL));
END
$$;

CREATE OR REPLACE FUNCTION croft_vps_ref_free(p_tenant uuid, p_ref text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM vps WHERE reseller_id = croft_reseller_of(p_tenant) AND external_ref = p_ref AND deleted_at IS NULL) THEN
        PERFORM croft_vps_ref_refuse(p_tenant, p_ref);
    END IF;
END
$$;

-- Asked by croft_order_check() of what would destroy what is on the disk: delete, reinstall, restore.
CREATE OR REPLACE FUNCTION croft_vps_unprotected(v vps) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF v.protection THEN
        PERFORM croft_raise(409, 'protected', 'This vps is protected: switch its protection off first.');
    END IF;
END
$$;
