-- The report of `croft-agent check` of a node. Whoever hands it in has it from a file: nothing of it is believed before its shape is
-- checked (agent/check/README.md says what is in it), and nothing follows from it but what an operator reads.

-- That of a node without one, too.
CREATE OR REPLACE FUNCTION croft_check_report_json(p_node uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('node_id', p_node, 'received_at', r.received_at, 'report', r.report)
    FROM (SELECT) one LEFT JOIN node_check_reports r ON r.node_id = p_node
$$;

CREATE OR REPLACE FUNCTION croft_check_report_etag(p_node uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT croft_etag(coalesce((SELECT version FROM node_check_reports WHERE node_id = p_node), 1))
$$;

CREATE OR REPLACE FUNCTION croft_check_number(p_value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(p_value) = 'number' THEN abs((p_value #>> '{}')::numeric) < 1e18 ELSE false END
$$;

-- Of the type string, boolean, number or numbers. Text that other bodies may not hold (common/field.c) it may not hold here.
CREATE OR REPLACE FUNCTION croft_check_is(p_value jsonb, p_type text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE p_type
        WHEN 'string' THEN jsonb_typeof(p_value) = 'string' AND length(p_value #>> '{}') <= 300
            AND (p_value #>> '{}') !~ '[\u0001-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]'
        WHEN 'number' THEN croft_check_number(p_value)
        WHEN 'numbers' THEN CASE WHEN jsonb_typeof(p_value) = 'array' THEN jsonb_array_length(p_value) <= 64
            AND NOT EXISTS (SELECT FROM jsonb_array_elements(p_value) e WHERE NOT croft_check_number(e)) ELSE false END
        ELSE jsonb_typeof(p_value) = p_type END
$$;

-- A part of it: rows that have exactly the fields of the shape, each of its type.
CREATE OR REPLACE FUNCTION croft_check_rows(b jsonb, p_part text, p_shape jsonb) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    r record;
    f record;
BEGIN
    IF NOT b ? p_part THEN
        RETURN;
    ELSIF jsonb_typeof(b->p_part) <> 'array' OR jsonb_array_length(b->p_part) > 200 THEN
        PERFORM croft_raise(422, 'invalid_value', 'This must be a list of at most 200 rows.', '/' || p_part);
    END IF;
    FOR r IN SELECT x.row, format('/%s/%s', p_part, x.n - 1) AS at FROM jsonb_array_elements(b->p_part) WITH ORDINALITY x (row, n) LOOP
        IF jsonb_typeof(r.row) <> 'object' THEN
            PERFORM croft_raise(422, 'invalid_value', 'A row is an object.', r.at);
        END IF;
        FOR f IN SELECT coalesce(s.key, k.key) AS key, s.value AS type
            FROM jsonb_each_text(p_shape) s FULL JOIN jsonb_object_keys(r.row) k (key) ON k.key = s.key
        LOOP
            IF f.type IS NULL THEN
                PERFORM croft_raise(422, 'invalid_value', 'A row has a field that reports do not have.', r.at);
            ELSIF NOT coalesce(croft_check_is(r.row->f.key, f.type), false) THEN
                PERFORM croft_raise(422, 'invalid_value', format('A row has no %s, or one that is not a %s as reports have it.', f.key, f.type),
                    format('%s/%s', r.at, f.key));
            END IF;
        END LOOP;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION croft_check_report_check(b jsonb) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM croft_check_rows(b, 'features', '{"name":"string","present":"boolean","consequence":"string"}');
    PERFORM croft_check_rows(b, 'fidelity', '{"name":"string","passed":"boolean","said":"string"}');
    PERFORM croft_check_rows(b, 'escapes', '{"name":"string","refused":"boolean"}');
    PERFORM croft_check_rows(b, 'efficiency', '{"name":"string","unit":"string","wanted":"number","host":"numbers","guest":"numbers",
        "ratios":"numbers","ratio":"number","spread":"number","measured":"boolean"}');
    PERFORM croft_check_rows(b, 'limits', '{"name":"string","unit":"string","limit":"number","got":"number","overshoot":"number",
        "wanted":"number","measured":"boolean"}');
    PERFORM croft_check_rows(b, 'machine', '{"name":"string","unit":"string","quiet":"numbers","loud":"numbers","losses":"numbers","loss":"number",
        "spread":"number","measured":"boolean"}');
    PERFORM croft_check_rows(b, 'neighbour', '{"name":"string","unit":"string","wanted":"number","quiet":"numbers","loud":"numbers",
        "losses":"numbers","loss":"number","spread":"number","uncharged":"number","alive":"boolean","measured":"boolean"}');
    IF octet_length(b::text) > 262144 THEN
        PERFORM croft_raise(422, 'invalid_value', 'A report has at most 262144 bytes.');
    END IF;
END
$$;

-- What goes into the audit log: who handed in which report, not the whole of it.
CREATE OR REPLACE FUNCTION croft_check_report_brief(b jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('check', jsonb_build_object('at', b->'at', 'form', b->'form', 'verdict', b->'verdict'))
$$;

CREATE OR REPLACE FUNCTION croft_admin_check_report_set(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    n nodes := croft_node_hold(p_req);
    v_before jsonb;
BEGIN
    IF n.state = 'retired' THEN
        PERFORM croft_raise(409, 'conflict', 'The node is retired.');
    END IF;
    SELECT croft_check_report_brief(r.report) INTO v_before FROM node_check_reports r WHERE r.node_id = n.id;
    IF FOUND THEN
        PERFORM croft_check_match(p_req, croft_check_report_etag(n.id));
    END IF;
    PERFORM croft_check_report_check(b);
    INSERT INTO node_check_reports AS r (node_id, report) VALUES (n.id, b)
        ON CONFLICT (node_id) DO UPDATE SET report = excluded.report, received_at = now(), version = r.version + 1;
    PERFORM croft_changed('node.check_reported', NULL, 'node', n.id, v_before, croft_check_report_brief(b));
    RETURN (200, croft_check_report_json(n.id)::text, croft_check_report_etag(n.id), NULL)::croft_answer;
END
$$;
