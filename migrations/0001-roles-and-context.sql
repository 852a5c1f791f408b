-- Roles are of the whole cluster, so they may be there already; everything else is of this database.
DO $$
DECLARE
    r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['croft_owner', 'croft_definer', 'croft_server', 'croft_tenant', 'croft_operator', 'croft_agent']
    LOOP
        -- Two databases of one cluster may be migrated at once: the loser finds the role made.
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
                EXECUTE format('CREATE ROLE %I', r);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    PERFORM set_config('client_min_messages', 'warning', true); -- "is already a member"
    ALTER ROLE croft_server LOGIN NOINHERIT;
    GRANT croft_tenant, croft_operator, croft_agent TO croft_server;
    EXECUTE format('GRANT croft_owner, croft_definer TO %I', current_user);

    -- Times are rendered as RFC 3339 in UTC; statements are short, so compiling them never pays.
    ALTER ROLE croft_server SET timezone = 'UTC';
    ALTER ROLE croft_server SET jit = off;
    -- Plans are kept, and one made while a table was small must not scan it once it has grown.
    ALTER ROLE croft_server SET enable_seqscan = off;
    -- Every statement takes one jsonb: planning for its value costs more than it finds out.
    ALTER ROLE croft_server SET plan_cache_mode = force_generic_plan;

    EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO croft_server', current_database());
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    GRANT USAGE ON SCHEMA public TO croft_owner, croft_definer, croft_server, croft_tenant, croft_operator, croft_agent;
    GRANT CREATE ON SCHEMA public TO croft_owner;
END
$$;

-- The context of a request, set per transaction by croft_auth_*. All of it is null outside of one: then no
-- policy matches and no row is seen. SQL functions of one expression, so that the planner inlines them.
CREATE FUNCTION croft_tenant_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('croft.tenant', true), '')::uuid;

CREATE FUNCTION croft_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('croft.user', true), '')::uuid;

CREATE FUNCTION croft_node_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('croft.node', true), '')::uuid;

CREATE FUNCTION croft_setting(p_name text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('croft.' || p_name, true), '');

-- UUID version 7 (RFC 9562): 48 bits of milliseconds, then random bits.
CREATE FUNCTION croft_uuid() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
    RETURN encode(
        set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid())
                placing substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6),
            52, 1), 53, 1), 'hex')::uuid;
