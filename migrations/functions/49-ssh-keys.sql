-- SSH keys that a tenant keeps.

CREATE OR REPLACE FUNCTION croft_ssh_key_json(k ssh_keys) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', k.id, 'tenant_id', k.tenant_id, 'name', k.name, 'public_key', k.public_key, 'fingerprint', k.fingerprint,
        'created_at', k.created_at);

-- The fingerprint as ssh-keygen prints it, of "<type> <base64> [comment]" in one line: what the agent takes (agent/spec/spec.c), and more, since
-- what is kept is used much later. The type is said twice, the second time inside (RFC 4253, 6.6).
CREATE OR REPLACE FUNCTION croft_ssh_fingerprint(p_key text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_type text := split_part(p_key, ' ', 1);
    v_blob bytea;
BEGIN
    IF v_type IN ('ssh-ed25519', 'ssh-rsa', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'sk-ssh-ed25519@openssh.com',
        'sk-ecdsa-sha2-nistp256@openssh.com') AND split_part(p_key, ' ', 2) ~ '^[A-Za-z0-9+/]+={0,2}$' THEN
        v_blob := decode(split_part(p_key, ' ', 2), 'base64');
        IF length(v_blob) > length(v_type) + 8 AND substr(v_blob, 1, length(v_type) + 4) = int4send(length(v_type)) || convert_to(v_type, 'UTF8') THEN
            RETURN 'SHA256:' || rtrim(encode(sha256(v_blob), 'base64'), '=');
        END IF;
    END IF;
    RAISE invalid_parameter_value;
EXCEPTION WHEN invalid_parameter_value THEN -- which decode() raises, too
    PERFORM croft_raise(422, 'invalid_value', 'This is not a public key in one line, such as ssh-ed25519 AAAA… comment.', '/public_key');
END
$$;

CREATE OR REPLACE FUNCTION croft_ssh_key_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    b jsonb := p_req->'body';
    k ssh_keys;
    v_constraint text;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    PERFORM croft_tenant_hold(croft_tenant_id());
    IF (SELECT count(*) FROM ssh_keys WHERE tenant_id = croft_tenant_id()) >= 100 THEN
        PERFORM croft_raise(409, 'conflict', 'A tenant keeps at most 100 SSH keys.');
    END IF;
    INSERT INTO ssh_keys (tenant_id, name, public_key, fingerprint)
        VALUES (croft_tenant_id(), b->>'name', b->>'public_key', croft_ssh_fingerprint(b->>'public_key')) RETURNING * INTO k;
    PERFORM croft_changed('ssh_key.created', k.tenant_id, 'ssh_key', k.id, NULL, croft_ssh_key_json(k)::jsonb);
    a := (201, croft_ssh_key_json(k)::text, NULL, '/v1/ssh-keys/' || k.id);
    RETURN croft_idempotency_end(p_req, a);
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS v_constraint = CONSTRAINT_NAME;
    IF v_constraint = 'ssh_keys_tenant_id_name_key' THEN
        PERFORM croft_raise(409, 'conflict', 'There is an SSH key with this name.', '/name');
    END IF;
    PERFORM croft_raise(409, 'conflict', 'This SSH key is kept already.', '/public_key');
END
$$;

CREATE OR REPLACE FUNCTION croft_ssh_key_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    k ssh_keys;
BEGIN
    DELETE FROM ssh_keys WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id() RETURNING * INTO k;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('SSH key');
    END IF;
    PERFORM croft_changed('ssh_key.deleted', k.tenant_id, 'ssh_key', k.id, croft_ssh_key_json(k)::jsonb, NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;
