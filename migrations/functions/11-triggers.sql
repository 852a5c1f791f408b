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
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON plan_offers FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON pools FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON vps FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
-- Of a node only what an operator sets: the rest changes with every create.
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE OF name, state, overcommit_vcpu_percent, overcommit_memory_percent,
    overcommit_disk_percent, reserve_vcpus, reserve_memory_bytes, reserve_disk_bytes, high_water_percent, tags, dedicated,
    line_rate_mbit ON nodes FOR EACH ROW EXECUTE FUNCTION croft_bump_version();

-- Below the root there are resellers and tenants, below a reseller tenants, below those nobody.
CREATE OR REPLACE FUNCTION croft_tenant_path() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_parent tenants;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'a tenant neither moves in the tree nor becomes something else';
    END IF;
    IF NEW.parent_id IS NOT NULL THEN
        SELECT * INTO STRICT v_parent FROM tenants WHERE id = NEW.parent_id;
        IF v_parent.kind = 'tenant' OR v_parent.kind = 'reseller' AND NEW.kind <> 'tenant' THEN
            PERFORM croft_raise(422, 'invalid_value', format('A %s has no %s below it.', v_parent.kind, NEW.kind), '/kind');
        END IF;
        NEW.path := v_parent.path || NEW.id;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER tenant_path BEFORE INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION croft_tenant_path();
CREATE OR REPLACE TRIGGER tenant_path_fixed BEFORE UPDATE ON tenants FOR EACH ROW
    WHEN (OLD.parent_id IS DISTINCT FROM NEW.parent_id OR OLD.path IS DISTINCT FROM NEW.path OR OLD.id <> NEW.id OR OLD.kind <> NEW.kind)
    EXECUTE FUNCTION croft_tenant_path();

CREATE OR REPLACE FUNCTION croft_worse_state(p_one text, p_other text) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN array_position('{active,suspended,closing,closed}', p_one) > array_position('{active,suspended,closing,closed}', p_other)
        THEN p_one ELSE p_other END;

-- What a state needs to say, and what it comes to with those above counted in. Who changes a state holds those above (croft_tenant_lock).
CREATE OR REPLACE FUNCTION croft_tenant_effective() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_above tenants;
    v_policy text;
BEGIN
    IF NEW.state = 'active' THEN
        NEW.suspended_at := NULL;
        NEW.suspended_reason := NULL;
        NEW.suspended_by := NULL;
        NEW.suspended_actor := NULL;
        NEW.suspend_policy := NULL;
    ELSE
        NEW.suspended_at := coalesce(NEW.suspended_at, now());
        v_policy := CASE NEW.state WHEN 'suspended' THEN coalesce(NEW.suspend_policy, 'stop') ELSE 'stop' END;
        NEW.suspend_policy := v_policy;
    END IF;
    NEW.grace_until := CASE WHEN NEW.state IN ('closing', 'closed') THEN coalesce(NEW.grace_until, now()) END;
    NEW.closed_at := CASE NEW.state WHEN 'closed' THEN coalesce(NEW.closed_at, now()) END;
    SELECT * INTO v_above FROM tenants WHERE id = NEW.parent_id;
    NEW.effective_state := croft_worse_state(NEW.state, coalesce(v_above.effective_state, 'active'));
    NEW.effective_policy := CASE WHEN v_policy = 'stop' OR v_above.effective_policy = 'stop' THEN 'stop'
        ELSE coalesce(v_policy, v_above.effective_policy) END;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER tenant_effective BEFORE INSERT OR UPDATE OF state, suspend_policy ON tenants
    FOR EACH ROW EXECUTE FUNCTION croft_tenant_effective();

-- Those below work out anew what it comes to for them.
CREATE OR REPLACE FUNCTION croft_tenant_cascade() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tenants SET state = state WHERE parent_id = NEW.id;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tenant_cascade AFTER UPDATE ON tenants FOR EACH ROW
    WHEN (OLD.effective_state <> NEW.effective_state OR OLD.effective_policy IS DISTINCT FROM NEW.effective_policy)
    EXECUTE FUNCTION croft_tenant_cascade();

-- Every tenant but the root has a quota of every resource.
CREATE OR REPLACE FUNCTION croft_tenant_quotas() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO quotas (tenant_id, resource, ceiling) SELECT NEW.id, r.name, r.preset FROM resources r ORDER BY r.name;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tenant_quotas AFTER INSERT ON tenants FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL)
    EXECUTE FUNCTION croft_tenant_quotas();

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

-- Use may not grow past what may be promised, whoever writes it.
CREATE OR REPLACE FUNCTION croft_node_capacity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.used_vcpus > OLD.used_vcpus
            AND NEW.used_vcpus > croft_sellable(NEW.capacity_vcpus, NEW.reserve_vcpus, NEW.overcommit_vcpu_percent)
        OR NEW.used_memory_bytes > OLD.used_memory_bytes
            AND NEW.used_memory_bytes > croft_sellable(NEW.capacity_memory_bytes, NEW.reserve_memory_bytes, NEW.overcommit_memory_percent)
        OR NEW.used_disk_bytes > OLD.used_disk_bytes
            AND NEW.used_disk_bytes > croft_sellable(NEW.capacity_disk_bytes, NEW.reserve_disk_bytes, NEW.overcommit_disk_percent) THEN
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
