-- Nodes come in, prove who they are, and go.

-- The first step of each pipeline of the hub: the certificate still holds, the context is the node's.
CREATE OR REPLACE FUNCTION croft_auth_node(p_node uuid, p_certificate text, OUT node_id uuid, OUT db_role text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_state text;
BEGIN
    SELECT n.state INTO v_state FROM node_certificates c JOIN nodes n ON n.id = c.node_id
        WHERE c.node_id = p_node AND (c.serial = lower(p_certificate) OR c.fingerprint = lower(p_certificate))
            AND c.revoked_at IS NULL AND c.not_after > now();
    IF NOT FOUND THEN
        PERFORM croft_raise(403, 'forbidden', 'The certificate is unknown, revoked or has ended.');
    ELSIF v_state = 'retired' THEN
        PERFORM croft_raise(403, 'forbidden', 'The node is retired.');
    END IF;
    PERFORM croft_enter(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    PERFORM set_config('croft.node', p_node::text, true);
    node_id := p_node;
    db_role := 'croft_agent';
END
$$;

-- A node that was revoked, or was away until its certificate had ended, comes back under its name with a new token; what it runs
-- is its own again. Its earlier tokens work for nothing more.
CREATE OR REPLACE FUNCTION croft_node_adopt(p_name text, p_location uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_node uuid;
BEGIN
    SELECT n.id INTO v_node FROM nodes n WHERE n.name = p_name AND n.location_id = p_location AND n.state <> 'retired' FOR UPDATE;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM node_certificates WHERE node_id = v_node)
        OR EXISTS (SELECT FROM node_certificates WHERE node_id = v_node AND revoked_at IS NULL AND not_after > now()) THEN
        PERFORM croft_raise(409, 'conflict', format('There is a node named %s.', p_name), '/name');
    END IF;
    UPDATE join_tokens SET expires_at = now() WHERE node_id = v_node AND expires_at > now();
    RETURN v_node;
END
$$;

-- A join token works once, for one key. The same key again (the answer was lost) gets the same node.
CREATE OR REPLACE FUNCTION croft_node_join(p_hash text, p_spki text, p_name text, p_peer text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    j join_tokens;
    v_node uuid;
BEGIN
    SELECT * INTO j FROM join_tokens WHERE token_hash = p_hash AND expires_at > now() FOR UPDATE;
    IF NOT FOUND OR j.used_at IS NOT NULL AND j.spki_sha256 IS DISTINCT FROM lower(p_spki) THEN
        PERFORM croft_raise(403, 'forbidden', 'The join token is unknown, expired or was used.');
    END IF;
    PERFORM croft_enter(NULL, NULL, NULL, NULL, NULL, p_peer, NULL, NULL);
    IF j.used_at IS NOT NULL THEN
        IF EXISTS (SELECT FROM nodes WHERE id = j.node_id AND state = 'retired') OR NOT EXISTS
            (SELECT FROM node_certificates WHERE node_id = j.node_id AND revoked_at IS NULL) AND EXISTS
            (SELECT FROM node_certificates WHERE node_id = j.node_id) THEN
            PERFORM croft_raise(403, 'forbidden', 'The node that this token let in is retired or revoked.');
        END IF;
        RETURN j.node_id;
    END IF;
    INSERT INTO nodes (name, location_id) VALUES (p_name, j.location_id) ON CONFLICT (name) DO NOTHING RETURNING id INTO v_node;
    IF FOUND THEN
        INSERT INTO node_status (node_id) VALUES (v_node);
    ELSE
        v_node := croft_node_adopt(p_name, j.location_id);
    END IF;
    UPDATE join_tokens SET used_at = now(), node_id = v_node, spki_sha256 = lower(p_spki) WHERE id = j.id;
    PERFORM croft_changed('node.joined', NULL, 'node', v_node, NULL,
        jsonb_build_object('name', p_name, 'location_id', j.location_id, 'join_token_id', j.id));
    RETURN v_node;
END
$$;

CREATE OR REPLACE FUNCTION croft_certificate_record(p_node uuid, p_serial text, p_spki text, p_fingerprint text,
    p_not_after timestamptz) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO node_certificates (serial, node_id, spki_sha256, fingerprint, not_after)
    VALUES (lower(p_serial), p_node, lower(p_spki), lower(p_fingerprint), p_not_after);
    PERFORM croft_changed('node.certified', NULL, 'node', p_node, NULL,
        jsonb_build_object('serial', lower(p_serial), 'not_after', p_not_after));
    RETURN true;
END
$$;

-- Fences: the caller speaks for the node of its certificate and over its newest link, and will until the transaction ends.
CREATE OR REPLACE FUNCTION croft_fence(p_node uuid, p_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_node IS DISTINCT FROM croft_node_id() THEN
        PERFORM croft_raise(403, 'forbidden', 'This is another node.');
    END IF;
    PERFORM FROM node_status WHERE node_id = p_node AND epoch = p_epoch FOR SHARE;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'The link is superseded by a newer one.');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_protocol_error(p_detail text) RETURNS void LANGUAGE sql AS $$
    SELECT croft_raise(422, 'protocol_error', p_detail)
$$;

CREATE OR REPLACE FUNCTION croft_node_heartbeat(p_node uuid, p_epoch bigint, p_message jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF p_node IS DISTINCT FROM croft_node_id() THEN
        PERFORM croft_raise(403, 'forbidden', 'This is another node.');
    END IF;
    UPDATE node_status SET online = true, last_seen_at = now(),
        disk_free_bytes = (p_message->>'disk_free_bytes')::bigint, pool_bytes = coalesce((p_message->>'pool_bytes')::bigint, pool_bytes),
        memory_free_bytes = (p_message->>'memory_free_bytes')::bigint,
        load_milli = (p_message->>'load_milli')::bigint
    WHERE node_id = p_node AND epoch = p_epoch;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'The link is superseded by a newer one.');
    END IF;
    PERFORM croft_node_alarms(p_node, p_message->'alarms');
    RETURN '{}';
END
$$;

CREATE OR REPLACE FUNCTION croft_node_offline(p_node uuid, p_epoch bigint, p_message jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE node_status SET online = false WHERE node_id = p_node AND node_id = croft_node_id() AND epoch = p_epoch;
    RETURN '{}';
END
$$;
