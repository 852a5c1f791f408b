-- What rows keep true by themselves.

CREATE OR REPLACE FUNCTION croft_bump_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON memberships FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON plans FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON locations FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON images FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON pools FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON vps FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
-- Of a node only what an operator sets: the rest changes with every create.
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE OF name, state, overcommit_vcpu_percent, overcommit_memory_percent,
    overcommit_disk_percent ON nodes FOR EACH ROW EXECUTE FUNCTION croft_bump_version();

CREATE OR REPLACE FUNCTION croft_tenant_path() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'a tenant does not move in the tree';
    END IF;
    IF NEW.parent_id IS NOT NULL THEN
        NEW.path := (SELECT path FROM tenants WHERE id = NEW.parent_id) || NEW.id;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER tenant_path BEFORE INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION croft_tenant_path();
CREATE OR REPLACE TRIGGER tenant_path_fixed BEFORE UPDATE ON tenants FOR EACH ROW
    WHEN (OLD.parent_id IS DISTINCT FROM NEW.parent_id OR OLD.path IS DISTINCT FROM NEW.path OR OLD.id <> NEW.id)
    EXECUTE FUNCTION croft_tenant_path();

-- Argument: the column that holds the state.
CREATE OR REPLACE FUNCTION croft_check_transition() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_from text := to_jsonb(OLD)->>TG_ARGV[0];
    v_to text := to_jsonb(NEW)->>TG_ARGV[0];
BEGIN
    IF NOT EXISTS (SELECT FROM state_transitions t
        WHERE t.machine = TG_TABLE_NAME || '.' || TG_ARGV[0] AND t.from_state = v_from AND t.to_state = v_to) THEN
        RAISE EXCEPTION '%.% does not go from % to %', TG_TABLE_NAME, TG_ARGV[0], v_from, v_to
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER check_state BEFORE UPDATE ON tenants FOR EACH ROW
    WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION croft_check_transition('state');
CREATE OR REPLACE TRIGGER check_state BEFORE UPDATE ON nodes FOR EACH ROW
    WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION croft_check_transition('state');
CREATE OR REPLACE TRIGGER check_desired BEFORE UPDATE ON vps FOR EACH ROW
    WHEN (OLD.desired <> NEW.desired) EXECUTE FUNCTION croft_check_transition('desired');
CREATE OR REPLACE TRIGGER check_observed BEFORE UPDATE ON vps FOR EACH ROW
    WHEN (OLD.observed <> NEW.observed) EXECUTE FUNCTION croft_check_transition('observed');
CREATE OR REPLACE TRIGGER check_status BEFORE UPDATE ON tasks FOR EACH ROW
    WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION croft_check_transition('status');

-- Use may not grow past what is declared and overcommitted, whoever writes it. Numeric, since a percentage of 2^60 is past a bigint.
CREATE OR REPLACE FUNCTION croft_node_capacity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.used_vcpus > OLD.used_vcpus AND NEW.used_vcpus * 100 > NEW.capacity_vcpus * NEW.overcommit_vcpu_percent
        OR NEW.used_memory_bytes > OLD.used_memory_bytes
            AND NEW.used_memory_bytes * 100.0 > NEW.capacity_memory_bytes::numeric * NEW.overcommit_memory_percent
        OR NEW.used_disk_bytes > OLD.used_disk_bytes
            AND NEW.used_disk_bytes * 100.0 > NEW.capacity_disk_bytes::numeric * NEW.overcommit_disk_percent THEN
        PERFORM croft_raise(409, 'no_capacity', format('Node %s has no room left.', NEW.name));
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER node_capacity BEFORE UPDATE OF used_vcpus, used_memory_bytes, used_disk_bytes ON nodes
    FOR EACH ROW EXECUTE FUNCTION croft_node_capacity();

-- Fires after the others, whose names come before it in the alphabet, so that it sees the row as it will be.
CREATE OR REPLACE FUNCTION croft_vps_body() RETURNS trigger LANGUAGE plpgsql SET timezone = 'UTC' AS $$
BEGIN
    NEW.body := croft_vps_render(NEW)::text;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER render BEFORE INSERT OR UPDATE ON vps FOR EACH ROW EXECUTE FUNCTION croft_vps_body();

-- What tokens may no longer enter with. Argument: whose tokens, those of the tenant, of the user, or of the membership.
CREATE OR REPLACE FUNCTION croft_entry_forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tokens SET entry_role = NULL
    WHERE entry_role IS NOT NULL AND CASE TG_ARGV[0]
        WHEN 'tenant' THEN tenant_id = (to_jsonb(OLD)->>'id')::uuid
        WHEN 'user' THEN user_id = (to_jsonb(OLD)->>'id')::uuid
        ELSE user_id = (to_jsonb(OLD)->>'user_id')::uuid AND tenant_id = (to_jsonb(OLD)->>'tenant_id')::uuid END;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER entry_forget AFTER UPDATE OF state ON tenants FOR EACH ROW EXECUTE FUNCTION croft_entry_forget('tenant');
CREATE OR REPLACE TRIGGER entry_forget AFTER UPDATE OF state ON users FOR EACH ROW EXECUTE FUNCTION croft_entry_forget('user');
CREATE OR REPLACE TRIGGER entry_forget AFTER UPDATE OR DELETE ON memberships
    FOR EACH ROW EXECUTE FUNCTION croft_entry_forget('membership');
