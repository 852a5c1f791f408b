-- Existence: what each vps and snapshot was, from which second to which. Every change is dated by the second that it began in,
-- and counts from there; of several within a second the last holds. Nothing here locks: whoever writes holds the vps.

CREATE OR REPLACE FUNCTION croft_second() RETURNS timestamptz LANGUAGE sql STABLE
    RETURN date_trunc('second', now(), 'UTC');

CREATE OR REPLACE FUNCTION croft_vps_period_state(v vps) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN v.desired = 'deleted' THEN 'ending' WHEN v.lost_at IS NOT NULL THEN 'lost'
        WHEN v.delete_after IS NOT NULL THEN 'held' WHEN v.suspended = 'stop' THEN 'suspended' ELSE v.desired END;

-- What a period says of a vps: where it differs, a new period begins.
CREATE OR REPLACE FUNCTION croft_vps_period_facts(v vps) RETURNS jsonb LANGUAGE sql IMMUTABLE
    RETURN jsonb_build_object('tenant_id', v.tenant_id, 'location_id', v.location_id, 'plan_id', v.plan_id,
        'plan_version', v.plan_version, 'state', croft_vps_period_state(v), 'disk_bytes', v.disk_bytes,
        'ipv4_count', v.ipv4_count, 'ipv6_count', v.ipv6_count);

CREATE OR REPLACE FUNCTION croft_vps_period_begin(v vps, p_at timestamptz, p_follows timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO vps_periods (vps_id, tenant_id, location_id, plan_id, plan_version, state, disk_bytes, ipv4_count, ipv6_count,
        from_ts, follows)
    VALUES (v.id, v.tenant_id, v.location_id, v.plan_id, v.plan_version, croft_vps_period_state(v), v.disk_bytes, v.ipv4_count,
        v.ipv6_count, p_at, p_follows)
$$;

-- A transaction that waited for the vps may have begun before the one it waited for: time then stands still, it never goes back.
CREATE OR REPLACE FUNCTION croft_vps_period_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    p vps_periods;
    v_at timestamptz;
    v_follows timestamptz;
BEGIN
    IF TG_OP = 'UPDATE' AND croft_vps_period_facts(OLD) = croft_vps_period_facts(NEW) AND NEW.deleted_at IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT * INTO p FROM vps_periods WHERE vps_id = NEW.id AND to_ts IS NULL;
    v_at := greatest(croft_second(), p.from_ts);
    IF p.from_ts = v_at THEN
        v_follows := p.follows;
        DELETE FROM vps_periods WHERE id = p.id; -- it held for no second
    ELSIF p.id IS NOT NULL THEN
        v_follows := v_at;
        UPDATE vps_periods SET to_ts = v_at WHERE id = p.id;
    END IF;
    IF NEW.deleted_at IS NULL THEN
        PERFORM croft_vps_period_begin(NEW, v_at, v_follows);
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER period_begin AFTER INSERT ON vps FOR EACH ROW WHEN (NEW.deleted_at IS NULL)
    EXECUTE FUNCTION croft_vps_period_change();
CREATE OR REPLACE TRIGGER period_change AFTER UPDATE OF tenant_id, location_id, plan_id, plan_version, desired, lost_at, delete_after,
    suspended, disk_bytes, ipv4_count, ipv6_count, deleted_at ON vps FOR EACH ROW WHEN (OLD.deleted_at IS NULL)
    EXECUTE FUNCTION croft_vps_period_change();

CREATE OR REPLACE FUNCTION croft_snapshot_period_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.state = 'ready' THEN
        INSERT INTO snapshot_periods (snapshot_id, vps_id, tenant_id, size_bytes, from_ts)
            VALUES (NEW.id, NEW.vps_id, NEW.tenant_id, NEW.size_bytes, croft_second())
            ON CONFLICT (snapshot_id) DO UPDATE SET size_bytes = excluded.size_bytes
            WHERE snapshot_periods.size_bytes IS DISTINCT FROM excluded.size_bytes;
    ELSE
        DELETE FROM snapshot_periods WHERE snapshot_id = OLD.id AND to_ts IS NULL AND from_ts >= croft_second();
        UPDATE snapshot_periods SET to_ts = croft_second() WHERE snapshot_id = OLD.id AND to_ts IS NULL;
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER period_change AFTER UPDATE OF state, size_bytes ON snapshots FOR EACH ROW
    WHEN (NEW.state IN ('ready', 'deleting')) EXECUTE FUNCTION croft_snapshot_period_change();
CREATE OR REPLACE TRIGGER period_end AFTER DELETE ON snapshots FOR EACH ROW EXECUTE FUNCTION croft_snapshot_period_change();

-- What is over is evidence: nobody changes it any more, not even the functions above.
CREATE OR REPLACE FUNCTION croft_period_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a period of % that is over does not change', TG_TABLE_NAME;
END
$$;
CREATE OR REPLACE TRIGGER period_fixed BEFORE UPDATE OR DELETE ON vps_periods FOR EACH ROW WHEN (OLD.to_ts IS NOT NULL)
    EXECUTE FUNCTION croft_period_fixed();
CREATE OR REPLACE TRIGGER period_fixed BEFORE UPDATE OR DELETE ON snapshot_periods FOR EACH ROW WHEN (OLD.to_ts IS NOT NULL)
    EXECUTE FUNCTION croft_period_fixed();

-- Looks for what the history does not say as the rows do. No row: all is as it should be.
CREATE OR REPLACE FUNCTION croft_verify_existence()
RETURNS TABLE (kind text, subject uuid, resource text, stored text, actual text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH open_periods AS (
        SELECT p.vps_id, to_jsonb(p) - '{id,vps_id,from_ts,to_ts,follows}'::text[] AS facts FROM vps_periods p WHERE p.to_ts IS NULL
    ), live AS (
        SELECT v.id AS vps_id, croft_vps_period_facts(v) AS facts FROM vps v WHERE v.deleted_at IS NULL
    ), held AS (
        SELECT s.id, s.size_bytes FROM snapshots s WHERE s.state = 'ready'
    ), kept AS (
        SELECT p.snapshot_id AS id, p.size_bytes FROM snapshot_periods p WHERE p.to_ts IS NULL
    )
    SELECT 'vps_period', vps_id, 'now', o.facts::text, l.facts::text
    FROM open_periods o FULL JOIN live l USING (vps_id) WHERE o.facts IS DISTINCT FROM l.facts
    UNION ALL
    SELECT 'vps_period', p.vps_id, 'seconds', sum(extract(epoch FROM p.to_ts - p.from_ts))::bigint::text,
        extract(epoch FROM max(p.to_ts) - min(p.from_ts))::bigint::text
    FROM vps_periods p WHERE p.to_ts IS NOT NULL GROUP BY p.vps_id
    HAVING sum(extract(epoch FROM p.to_ts - p.from_ts)) <> extract(epoch FROM max(p.to_ts) - min(p.from_ts))
    UNION ALL
    SELECT 'snapshot_period', id, 'size_bytes', coalesce(k.size_bytes::text, CASE WHEN k.id IS NULL THEN 'none' END),
        coalesce(h.size_bytes::text, CASE WHEN h.id IS NULL THEN 'none' END)
    FROM (SELECT id FROM held UNION SELECT id FROM kept) x LEFT JOIN held h USING (id) LEFT JOIN kept k USING (id)
    WHERE h.id IS NULL OR k.id IS NULL OR h.size_bytes IS DISTINCT FROM k.size_bytes
    ORDER BY 1, 2, 3
$$;
