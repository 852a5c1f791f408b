-- Names of addresses. What an owner wants stands in rdns; what the name servers have still to be told in
-- rdns_changes, written in the same transaction and settled by whichever server process told them (server/rdns.c).

CREATE OR REPLACE FUNCTION croft_rdns_change(p_address inet, p_name text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO rdns_changes (address, name) VALUES (p_address, p_name)
    ON CONFLICT (address) DO UPDATE SET name = EXCLUDED.name, serial = DEFAULT, attempts = 0, error = NULL,
        next_at = greatest(now(), rdns_changes.claimed_until);
    SELECT pg_notify('croft_rdns', '')
$$;

-- Whatever frees an address: its quarantine begins, its name goes.
CREATE OR REPLACE FUNCTION croft_address_freed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    NEW.freed_at := now();
    DELETE FROM rdns WHERE address = NEW.address;
    IF FOUND THEN
        PERFORM croft_rdns_change(NEW.address, NULL);
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER freed BEFORE UPDATE ON addresses FOR EACH ROW
    WHEN (OLD.vps_id IS NOT NULL AND NEW.vps_id IS NULL) EXECUTE FUNCTION croft_address_freed();

CREATE OR REPLACE FUNCTION croft_rdns_json(p_vps uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('vps_id', p_vps, 'names', coalesce(json_agg(json_build_object('address', host(r.address), 'name', r.name) ORDER BY r.address), '[]'))
    FROM rdns r WHERE r.vps_id = p_vps
$$;

CREATE OR REPLACE FUNCTION croft_rdns_etag(p_vps uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('"%s"', left(md5(croft_rdns_json(p_vps)::text), 16))
$$;

-- {address, name} of the list, checked: the vps's own routed address, a name of at least two labels.
CREATE OR REPLACE FUNCTION croft_rdns_item(v vps, p_item jsonb, p_pointer text) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF jsonb_typeof(p_item) <> 'object' OR (p_item - 'address' - 'name') <> '{}' THEN
        PERFORM croft_raise(422, 'invalid_value', 'This must be {address, name}.', p_pointer);
    ELSIF NOT EXISTS (SELECT FROM jsonb_array_elements(v.addresses) a
        WHERE a->>'address' = p_item->>'address' AND coalesce(a->>'kind', 'routed') = 'routed') THEN
        PERFORM croft_raise(422, 'invalid_value', 'The vps has no such address, or it is private.', p_pointer || '/address');
    ELSIF coalesce(length(p_item->>'name') NOT BETWEEN 3 AND 253, true)
        OR p_item->>'name' !~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'This is not a name such as mail.example.org (lower case, without a dot at the end).',
            p_pointer || '/name');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_rdns_set(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_names jsonb := p_req->'body'->'names';
    v vps;
    v_before jsonb;
    x record;
BEGIN
    PERFORM croft_tenant_hold(croft_tenant_id());
    v := croft_vps_hold(p_req);
    v_before := croft_rdns_json(v.id);
    PERFORM croft_check_match(p_req, croft_rdns_etag(v.id));
    IF jsonb_typeof(v_names) <> 'array' OR jsonb_array_length(v_names) > 16 THEN
        PERFORM croft_raise(422, 'invalid_value', 'This must be a list of at most 16 names.', '/names');
    END IF;
    PERFORM croft_rdns_item(v, y.item, '/names/' || y.n - 1) FROM jsonb_array_elements(v_names) WITH ORDINALITY y (item, n);
    IF (SELECT count(DISTINCT y->>'address') < count(*) FROM jsonb_array_elements(v_names) y) THEN
        PERFORM croft_raise(422, 'invalid_value', 'An address is there twice.', '/names');
    END IF;
    FOR x IN SELECT a.address, o.name AS old, w.name AS new
        FROM addresses a LEFT JOIN rdns o ON o.address = a.address
        LEFT JOIN (SELECT (y->>'address')::inet AS address, y->>'name' AS name FROM jsonb_array_elements(v_names) y) w ON w.address = a.address
        WHERE a.vps_id = v.id ORDER BY a.address
    LOOP
        CONTINUE WHEN x.old IS NOT DISTINCT FROM x.new;
        DELETE FROM rdns WHERE address = x.address;
        INSERT INTO rdns (address, vps_id, tenant_id, name) SELECT x.address, v.id, v.tenant_id, x.new WHERE x.new IS NOT NULL;
        PERFORM croft_rdns_change(x.address, x.new);
    END LOOP;
    PERFORM croft_changed('vps.rdns_set', v.tenant_id, 'vps', v.id, v_before, croft_rdns_json(v.id)::jsonb);
    RETURN (200, croft_rdns_json(v.id)::text, croft_rdns_etag(v.id), NULL)::croft_answer;
END
$$;

-- ---- For the server: what is due, and how it went

-- As a reverse name: 2.0.0.10.in-addr.arpa, nibbles of IPv6.
CREATE OR REPLACE FUNCTION croft_reverse_name(p_address inet) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(x.part, '.' ORDER BY x.n DESC) || CASE family(p_address) WHEN 4 THEN '.in-addr.arpa.' ELSE '.ip6.arpa.' END
    FROM (SELECT part, n FROM string_to_table(CASE family(p_address) WHEN 4 THEN host(p_address) END, '.') WITH ORDINALITY t (part, n)
        UNION ALL
        SELECT substr(h.hex, g, 1), g FROM (SELECT substr(encode(inet_send(p_address), 'hex'), 9) AS hex) h, generate_series(1, 32) g
        WHERE family(p_address) = 6) x
$$;

-- Claimed for half a minute, twice what a request may last (server/rdns.c), so that two servers tell neither the same nor two changes
-- of one address in the wrong order. What was given up while there was no name server is told now that there is one.
CREATE OR REPLACE FUNCTION croft_rdns_claim() RETURNS TABLE (address text, reverse text, name text, serial bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO rdns_changes (address, name)
        SELECT r.address, r.name FROM rdns r WHERE NOT r.told AND NOT EXISTS (SELECT FROM rdns_changes k WHERE k.address = r.address)
        ORDER BY r.address LIMIT 100 ON CONFLICT DO NOTHING;
    UPDATE rdns_changes c SET next_at = now() + interval '30 seconds', attempts = c.attempts + 1, claimed_serial = c.serial,
        claimed_until = now() + interval '30 seconds'
    WHERE c.address IN (SELECT d.address FROM rdns_changes d WHERE d.next_at <= now() ORDER BY d.next_at LIMIT 16 FOR UPDATE SKIP LOCKED)
    RETURNING host(c.address), croft_reverse_name(c.address), c.name, c.serial
$$;

-- One that changed meanwhile stays, and is told at once: the name servers have answered. After a failure they may not have: then it
-- waits for the end of the claim. A failure is tried again after 5 s, doubled each time, at most an hour.
CREATE OR REPLACE FUNCTION croft_rdns_done(p_address text, p_serial bigint, p_error text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF p_error IS NULL THEN
        DELETE FROM rdns_changes WHERE address = p_address::inet AND serial = p_serial;
        IF FOUND THEN
            UPDATE rdns SET told = true WHERE address = p_address::inet;
        END IF;
        UPDATE rdns_changes SET claimed_serial = NULL, claimed_until = NULL, next_at = now()
            WHERE address = p_address::inet AND claimed_serial = p_serial;
    ELSE
        UPDATE rdns_changes SET error = left(p_error, 500), next_at = now() + least(5 * 2 ^ least(attempts - 1, 12), 3600) * interval '1 second'
            WHERE address = p_address::inet AND serial = p_serial;
    END IF;
END
$$;

-- Of servers without a name server: nothing waits for one. Names stay with their owners, and are told should there be one later.
CREATE OR REPLACE FUNCTION croft_rdns_forgo() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM rdns_changes WHERE claimed_until IS NULL OR claimed_until <= now()
$$;
