-- ?dry_run=true: the function that would make the change makes it, what came of it is written down, and all of it is rolled back.
-- So a dry run cannot drift from the real one, and takes the same locks for as long.

CREATE OR REPLACE FUNCTION croft_is_dry(p_req jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN coalesce((p_req->'query'->>'dry_run')::boolean, false);

-- Which node a vps is on concerns nobody but operators.
CREATE OR REPLACE FUNCTION croft_is_staff() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN croft_setting('token') IS NULL
        THEN EXISTS (SELECT FROM users u WHERE u.id = croft_user_id() AND u.platform_role = 'operator')
        ELSE EXISTS (SELECT FROM tokens k WHERE k.id = croft_setting('token')::uuid AND k.platform_role = 'operator') END
$$;

-- What a vps, as it now is, costs its tenant, where it is, and what its tenant has left.
CREATE OR REPLACE FUNCTION croft_dry_preview(p_vps uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'price', (SELECT json_build_object('price_month', p.price_month::text, 'price_hour', p.price_hour::text,
            'currency', p.currency, 'plan_id', p.id, 'plan_version', p.number) FROM plans_offered p WHERE p.id = v.plan_id),
        'placement', json_build_object('location_id', v.location_id, 'node_id', CASE WHEN croft_is_staff() THEN v.node_id END,
            'nodes', CASE WHEN croft_is_staff() THEN (SELECT croft_placement_json(v, p)->'nodes' FROM plans_now p WHERE p.id = v.plan_id) END),
        'quota_left', (SELECT coalesce(json_agg(json_build_object('resource', r.name, 'left', q.effective - q.used) ORDER BY r.name), '[]')
            FROM resources r LEFT JOIN quotas q ON q.tenant_id = v.tenant_id AND q.resource = r.name))
    FROM vps v WHERE v.id = p_vps
$$;

-- Runs a mutation whose answer has the vps in it, as if; of the request's key nothing is kept either.
CREATE OR REPLACE FUNCTION croft_dry_run(p_function regproc, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    a croft_answer;
    v_preview text;
BEGIN
    BEGIN
        EXECUTE format('SELECT * FROM %s($1)', p_function) INTO a
            USING (p_req - 'idempotency') || jsonb_build_object('query', (p_req->'query') - 'dry_run');
        v_preview := croft_dry_preview((a.body::jsonb->'vps'->>'id')::uuid)::text;
        RAISE EXCEPTION USING ERRCODE = 'CRDRY', MESSAGE = 'a dry run';
    EXCEPTION WHEN SQLSTATE 'CRDRY' THEN
        NULL; -- variables keep what they were given
    END;
    RETURN (200, v_preview, NULL, NULL)::croft_answer;
END
$$;
