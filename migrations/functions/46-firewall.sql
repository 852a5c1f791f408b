-- A vps's firewall and the address sets of its tenant. Both reach the node in the vps's spec, sets as the networks in them.

CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON address_sets FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON firewalls FOR EACH ROW EXECUTE FUNCTION croft_bump_version();

CREATE OR REPLACE FUNCTION croft_address_set_json(s address_sets) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', s.id, 'tenant_id', s.tenant_id, 'name', s.name, 'cidrs', s.cidrs, 'created_at', s.created_at,
        'updated_at', s.updated_at);

-- That of a vps without one, too.
CREATE OR REPLACE FUNCTION croft_firewall_json(p_vps uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('vps_id', p_vps, 'policy_in', coalesce(f.policy_in, 'accept'), 'policy_out', coalesce(f.policy_out, 'accept'),
        'rules', coalesce(f.rules, '[]'), 'updated_at', f.updated_at)
    FROM (SELECT) one LEFT JOIN firewalls f ON f.vps_id = p_vps
$$;

CREATE OR REPLACE FUNCTION croft_firewall_etag(p_vps uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT croft_etag(coalesce((SELECT version FROM firewalls WHERE vps_id = p_vps), 1))
$$;

-- ---- What is in a rule

-- A network or an address in canonical form; what is none is refused at its place. IPv6 that is written with IPv4 in it (::0.1.0.5,
-- ::ffff:192.0.2.1) is on no wire, and not spelled alike by all that read it.
CREATE OR REPLACE FUNCTION croft_cidr(p_text text, p_pointer text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_text text;
BEGIN
    IF p_text ~ '^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$' AND p_text ~ '[.:].*[.:]' THEN
        v_text := CASE WHEN p_text LIKE '%/%' THEN p_text::cidr ELSE p_text::inet::cidr END::text;
        IF v_text LIKE '%:%.%' THEN
            PERFORM croft_raise(422, 'invalid_value', 'This is an IPv4 address in an IPv6 one: name the IPv4 address.', p_pointer);
        END IF;
        RETURN v_text;
    END IF;
    RAISE invalid_text_representation;
EXCEPTION WHEN invalid_text_representation OR data_exception THEN
    PERFORM croft_raise(422, 'invalid_value', 'This is not a network such as 192.0.2.0/24 or 2001:db8::/32, nor an address.', p_pointer);
END
$$;

-- A list of texts, at most p_max.
CREATE OR REPLACE FUNCTION croft_texts(p_list jsonb, p_max int, p_pointer text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_list IS NULL OR p_list = 'null' THEN
        RETURN NULL;
    ELSIF jsonb_typeof(p_list) <> 'array' OR jsonb_array_length(p_list) > p_max
        OR EXISTS (SELECT FROM jsonb_array_elements(p_list) e WHERE jsonb_typeof(e) <> 'string') THEN
        PERFORM croft_raise(422, 'invalid_value', format('This must be a list of at most %s texts.', p_max), p_pointer);
    END IF;
    RETURN ARRAY(SELECT jsonb_array_elements_text(p_list));
END
$$;

CREATE OR REPLACE FUNCTION croft_cidrs(p_list jsonb, p_pointer text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN l.list IS NOT NULL THEN ARRAY(SELECT croft_cidr(t.text, p_pointer || '/' || t.n - 1)
        FROM unnest(l.list) WITH ORDINALITY t (text, n)) END
    FROM (SELECT croft_texts(p_list, 256, p_pointer) AS list) l
$$;

CREATE OR REPLACE FUNCTION croft_rule_ports(p_rule jsonb, p_pointer text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_ports text[] := croft_texts(p_rule->'ports', 15, p_pointer);
    v_port text;
BEGIN
    IF cardinality(v_ports) > 0 AND coalesce(p_rule->>'protocol', 'any') NOT IN ('tcp', 'udp') THEN
        PERFORM croft_raise(422, 'invalid_value', 'Only tcp and udp have ports.', p_pointer);
    END IF;
    FOREACH v_port IN ARRAY coalesce(v_ports, '{}') LOOP
        IF v_port !~ '^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$' OR split_part(v_port, '-', 1)::int > 65535
            OR nullif(split_part(v_port, '-', 2), '')::int NOT BETWEEN split_part(v_port, '-', 1)::int AND 65535 THEN
            PERFORM croft_raise(422, 'invalid_value', 'This is not a port such as 22, nor a range such as 8000-8080.', p_pointer);
        END IF;
    END LOOP;
    RETURN nullif(v_ports, '{}');
END
$$;

-- The tenant's own sets, by id.
CREATE OR REPLACE FUNCTION croft_rule_sets(p_rule jsonb, p_pointer text) RETURNS uuid[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_ids text[] := croft_texts(p_rule->'address_sets', 16, p_pointer);
    v_sets uuid[];
BEGIN
    v_sets := ARRAY(SELECT s.id FROM address_sets s WHERE s.tenant_id = croft_tenant_id() AND s.id::text = ANY (v_ids) ORDER BY s.id);
    IF cardinality(v_sets) <> (SELECT count(DISTINCT x) FROM unnest(v_ids) x) THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such address set.', p_pointer);
    END IF;
    RETURN CASE WHEN v_ids IS NOT NULL THEN v_sets END;
END
$$;

CREATE OR REPLACE FUNCTION croft_rule(p_rule jsonb, p_pointer text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_key text;
BEGIN
    IF jsonb_typeof(p_rule) <> 'object' THEN
        PERFORM croft_raise(422, 'invalid_value', 'A rule is an object.', p_pointer);
    END IF;
    SELECT k INTO v_key FROM jsonb_object_keys(p_rule) k
        WHERE k NOT IN ('direction', 'action', 'protocol', 'ports', 'cidrs', 'address_sets', 'note') LIMIT 1;
    IF FOUND THEN
        PERFORM croft_raise(422, 'invalid_value', format('A rule has no field %s.', left(v_key, 64)), p_pointer);
    ELSIF coalesce(p_rule->>'direction', '') NOT IN ('in', 'out') THEN
        PERFORM croft_raise(422, 'invalid_value', 'A direction is in or out.', p_pointer || '/direction');
    ELSIF coalesce(p_rule->>'action', '') NOT IN ('accept', 'drop') THEN
        PERFORM croft_raise(422, 'invalid_value', 'An action is accept or drop.', p_pointer || '/action');
    ELSIF coalesce(p_rule->>'protocol', 'any') NOT IN ('any', 'tcp', 'udp', 'icmp', 'icmpv6') THEN
        PERFORM croft_raise(422, 'invalid_value', 'A protocol is any, tcp, udp, icmp or icmpv6.', p_pointer || '/protocol');
    ELSIF length(p_rule->>'note') > 200 OR jsonb_typeof(coalesce(p_rule->'note', '""')) NOT IN ('string', 'null') THEN
        PERFORM croft_raise(422, 'invalid_value', 'A note is a text of at most 200 characters.', p_pointer || '/note');
    END IF;
    RETURN jsonb_build_object('direction', p_rule->>'direction', 'action', p_rule->>'action', 'protocol', coalesce(p_rule->>'protocol', 'any'),
        'ports', croft_rule_ports(p_rule, p_pointer || '/ports'), 'cidrs', croft_cidrs(p_rule->'cidrs', p_pointer || '/cidrs'),
        'address_sets', croft_rule_sets(p_rule, p_pointer || '/address_sets'), 'note', p_rule->>'note');
END
$$;

CREATE OR REPLACE FUNCTION croft_rules(p_rules jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF jsonb_typeof(p_rules) <> 'array' OR jsonb_array_length(p_rules) > 100 THEN
        PERFORM croft_raise(422, 'invalid_value', 'A firewall is a list of at most 100 rules.', '/rules');
    END IF;
    RETURN coalesce((SELECT jsonb_agg(croft_rule(r.rule, '/rules/' || r.n - 1) ORDER BY r.n)
        FROM jsonb_array_elements(p_rules) WITH ORDINALITY r (rule, n)), '[]');
END
$$;

-- ---- As the node gets it

-- The networks of a rule, those of its sets among them; null: anybody.
CREATE OR REPLACE FUNCTION croft_rule_cidrs(p_rule jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_rule->'cidrs' <> 'null' OR p_rule->'address_sets' <> 'null' THEN
        (SELECT coalesce(jsonb_agg(DISTINCT c.cidr), '[]') FROM (
            SELECT jsonb_array_elements(nullif(p_rule->'cidrs', 'null')) AS cidr
            UNION ALL
            SELECT to_jsonb(unnest(s.cidrs)) FROM address_sets s
            WHERE s.id IN (SELECT x::uuid FROM jsonb_array_elements_text(nullif(p_rule->'address_sets', 'null')) x)) c) END
$$;

CREATE OR REPLACE FUNCTION croft_firewall_spec(p_vps uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('policy_in', f.policy_in, 'policy_out', f.policy_out, 'rules', coalesce((
        SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('direction', r.rule->'direction', 'action', r.rule->'action',
            'protocol', r.rule->'protocol', 'ports', r.rule->'ports', 'cidrs', croft_rule_cidrs(r.rule))) ORDER BY r.n)
        FROM jsonb_array_elements(f.rules) WITH ORDINALITY r (rule, n)), '[]'))
    FROM firewalls f WHERE f.vps_id = p_vps
$$;

-- The node takes so many networks (agent/network/firewall.h).
CREATE OR REPLACE FUNCTION croft_firewall_check_size(p_vps uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(jsonb_array_length(coalesce(r->'cidrs', '[]'))) FROM jsonb_array_elements(croft_firewall_spec(p_vps)->'rules') r) > 4096 THEN
        PERFORM croft_raise(422, 'invalid_value', 'All rules of a vps together name at most 4096 networks, those of sets included.', '/rules');
    END IF;
END
$$;

-- ---- Orders

-- The vps is locked by croft_order_begin(), its sets are held: who changes one sees this firewall.
CREATE OR REPLACE FUNCTION croft_firewall_write(v vps, b jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_rules jsonb := croft_rules(b->'rules');
    v_sets uuid[];
BEGIN
    v_sets := ARRAY(SELECT DISTINCT s::uuid FROM jsonb_array_elements(v_rules) r,
        jsonb_array_elements_text(nullif(r->'address_sets', 'null')) s);
    PERFORM FROM address_sets WHERE id = ANY (v_sets) ORDER BY id FOR SHARE;
    INSERT INTO firewalls (vps_id, tenant_id, policy_in, policy_out, rules)
        VALUES (v.id, v.tenant_id, coalesce(b->>'policy_in', 'accept'), coalesce(b->>'policy_out', 'accept'), v_rules)
        ON CONFLICT (vps_id) DO UPDATE SET policy_in = EXCLUDED.policy_in, policy_out = EXCLUDED.policy_out, rules = EXCLUDED.rules;
    DELETE FROM firewall_sets WHERE vps_id = v.id;
    INSERT INTO firewall_sets (vps_id, set_id, tenant_id) SELECT v.id, s, v.tenant_id FROM unnest(v_sets) s;
    PERFORM croft_firewall_check_size(v.id);
EXCEPTION
    WHEN check_violation THEN
        PERFORM croft_raise(422, 'invalid_value', 'A policy is accept or drop.',
            CASE WHEN coalesce(b->>'policy_in', 'accept') IN ('accept', 'drop') THEN '/policy_out' ELSE '/policy_in' END);
    WHEN foreign_key_violation THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such address set.', '/rules');
END
$$;

-- A body beside task and vps.
CREATE OR REPLACE FUNCTION croft_accepted_with(a croft_answer, p_key text, p_value json, p_etag text, p_location text) RETURNS croft_answer
LANGUAGE sql IMMUTABLE AS $$
    SELECT (a.status, json_build_object('task', a.body::json->'task', 'vps', a.body::json->'vps', p_key, p_value)::text, p_etag,
        p_location)::croft_answer
$$;

CREATE OR REPLACE FUNCTION croft_firewall_set(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v vps := croft_order_begin(p_req, 'update');
    v_before jsonb := croft_firewall_json(v.id);
    a croft_answer;
BEGIN
    PERFORM croft_check_match(p_req, croft_firewall_etag(v.id));
    PERFORM croft_firewall_write(v, p_req->'body');
    a := croft_order(v, v, 'vps_update', 'vps.firewall_ordered', NULL, NULL);
    PERFORM croft_changed('firewall.updated', v.tenant_id, 'vps', v.id, v_before, croft_firewall_json(v.id)::jsonb);
    RETURN croft_accepted_with(a, 'firewall', croft_firewall_json(v.id), croft_firewall_etag(v.id), '/v1/vps/' || v.id || '/firewall');
END
$$;

-- ---- Sets

CREATE OR REPLACE FUNCTION croft_address_set_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    b jsonb := p_req->'body';
    s address_sets;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    PERFORM croft_tenant_hold(croft_tenant_id());
    IF (SELECT count(*) FROM address_sets WHERE tenant_id = croft_tenant_id()) >= 100 THEN
        PERFORM croft_raise(409, 'conflict', 'A tenant has at most 100 address sets.');
    END IF;
    INSERT INTO address_sets (tenant_id, name, cidrs) VALUES (croft_tenant_id(), b->>'name', coalesce(croft_cidrs(b->'cidrs', '/cidrs'), '{}'))
        RETURNING * INTO s;
    PERFORM croft_changed('address_set.created', s.tenant_id, 'address_set', s.id, NULL, croft_address_set_json(s)::jsonb);
    a := (201, croft_address_set_json(s)::text, croft_etag(s.version), '/v1/address-sets/' || s.id);
    RETURN croft_idempotency_end(p_req, a);
EXCEPTION WHEN unique_violation THEN
    PERFORM croft_raise(409, 'conflict', 'There is an address set with this name.', '/name');
END
$$;

-- Orders the node of every vps of the list, locked by the caller, to bring it to what its spec now says.
CREATE OR REPLACE FUNCTION croft_respec(p_vps uuid[], p_why text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v vps;
    v_args jsonb;
BEGIN
    PERFORM croft_nodes_lock(p_vps);
    FOR v IN SELECT * FROM vps WHERE id = ANY (p_vps) AND deleted_at IS NULL AND lost_at IS NULL AND desired <> 'deleted' ORDER BY id LOOP
        v_args := croft_power_args(v);
        UPDATE vps SET generation = generation + 1, error = NULL, attempts = 0, retry_at = NULL WHERE id = v.id RETURNING * INTO v;
        PERFORM croft_converge(v, p_why, v_args);
    END LOOP;
END
$$;

-- The vps that use it are locked before it, as a firewall's order does; one that came to use it in between makes this try again.
CREATE OR REPLACE FUNCTION croft_address_set_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    v_users uuid[];
    s address_sets;
    o address_sets;
BEGIN
    PERFORM croft_tenant_hold(croft_tenant_id());
    v_users := ARRAY(SELECT v.id FROM vps v WHERE v.tenant_id = croft_tenant_id()
        AND v.id IN (SELECT f.vps_id FROM firewall_sets f WHERE f.set_id = (p_req->>'id')::uuid) ORDER BY v.id FOR NO KEY UPDATE);
    SELECT * INTO o FROM address_sets WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id() FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('address set');
    END IF;
    PERFORM croft_check_match(p_req, o.version);
    IF EXISTS (SELECT FROM firewall_sets f WHERE f.set_id = o.id AND f.vps_id <> ALL (v_users)) THEN
        PERFORM croft_raise(409, 'conflict', 'A firewall has just begun to use it: try again.');
    END IF;
    UPDATE address_sets SET name = b->>'name', cidrs = coalesce(croft_cidrs(b->'cidrs', '/cidrs'), '{}') WHERE id = o.id RETURNING * INTO s;
    PERFORM croft_changed('address_set.updated', s.tenant_id, 'address_set', s.id, croft_address_set_json(o)::jsonb, croft_address_set_json(s)::jsonb);
    IF s.cidrs <> o.cidrs THEN
        PERFORM croft_firewall_check_size(u) FROM unnest(v_users) u;
        PERFORM croft_respec(v_users, 'address set');
    END IF;
    RETURN (200, croft_address_set_json(s)::text, croft_etag(s.version), NULL)::croft_answer;
EXCEPTION WHEN unique_violation THEN
    PERFORM croft_raise(409, 'conflict', 'There is an address set with this name.', '/name');
END
$$;

CREATE OR REPLACE FUNCTION croft_address_set_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    s address_sets;
BEGIN
    DELETE FROM address_sets WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id() RETURNING * INTO s;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('address set');
    END IF;
    PERFORM croft_changed('address_set.deleted', s.tenant_id, 'address_set', s.id, croft_address_set_json(s)::jsonb, NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
EXCEPTION WHEN foreign_key_violation THEN
    PERFORM croft_raise(409, 'conflict', 'A firewall uses this address set.');
END
$$;
