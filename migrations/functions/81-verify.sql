-- Recomputes from the rows everything that is counted as it happens. No row: all is as it should be.

CREATE OR REPLACE FUNCTION croft_verify_quotas()
RETURNS TABLE (kind text, subject uuid, resource text, stored numeric, actual numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH held AS (
        SELECT h.* FROM vps v, croft_vps_held(v) h WHERE v.deleted_at IS NULL AND v.lost_at IS NULL
    ), wanted AS (
        SELECT 'quota' AS kind, ancestor AS subject, a.resource, sum(a.amount) AS actual
        FROM held v JOIN tenants t ON t.id = v.tenant_id, unnest(t.path[2:]) ancestor, croft_vps_amounts(v) a
        GROUP BY ancestor, a.resource
        UNION ALL
        SELECT 'quota', ancestor, 'snapshots', count(*)
        FROM snapshots s JOIN tenants t ON t.id = s.tenant_id, unnest(t.path[2:]) ancestor
        GROUP BY ancestor
        UNION ALL
        SELECT 'quota', ancestor, 'image_bytes', sum(i.held_bytes)
        FROM images i JOIN tenants t ON t.id = i.tenant_id, unnest(t.path[2:]) ancestor
        GROUP BY ancestor
        UNION ALL
        SELECT 'node', v.node_id, r.resource, sum(r.amount)
        FROM held v, LATERAL (VALUES ('vps', 1::bigint), ('vcpus', v.vcpus), ('memory_bytes', v.memory_bytes),
            ('disk_bytes', v.disk_bytes)) r (resource, amount)
        GROUP BY v.node_id, r.resource
        UNION ALL
        SELECT 'pool', a.pool_id, 'used', count(*) FROM addresses a WHERE a.vps_id IS NOT NULL GROUP BY a.pool_id
        UNION ALL
        SELECT 'addresses', v.id, 'count', v.ipv4_count + v.ipv6_count FROM held v
        UNION ALL
        SELECT 'addresses_shown', v.id, 'count', v.ipv4_count + v.ipv6_count
            - (SELECT count(*) FROM addresses a WHERE a.vps_id = v.id AND a.release_generation IS NOT NULL)
        FROM held v
        UNION ALL
        -- That of a lost one, or of an orphan, stays taken until its node is known to be rid of it.
        SELECT 'id_range', v.id, 'slot', v.slot FROM vps v
        WHERE v.deleted_at IS NULL AND v.lost_at IS NULL OR EXISTS (SELECT FROM id_ranges r WHERE r.vps_id = v.id)
    ), counted AS (
        SELECT 'quota' AS kind, q.tenant_id AS subject, q.resource, q.used AS stored FROM quotas q
        UNION ALL
        SELECT 'node', n.id, r.resource, r.amount
        FROM nodes n, LATERAL (VALUES ('vps', n.used_vps), ('vcpus', n.used_vcpus), ('memory_bytes', n.used_memory_bytes),
            ('disk_bytes', n.used_disk_bytes)) r (resource, amount)
        UNION ALL
        SELECT 'pool', p.id, 'used', p.used FROM pools p
        UNION ALL
        SELECT 'addresses', a.vps_id, 'count', count(*) FROM addresses a WHERE a.vps_id IS NOT NULL GROUP BY a.vps_id
        UNION ALL
        SELECT 'addresses_shown', v.id, 'count', jsonb_array_length(v.addresses) FROM vps v
        UNION ALL
        SELECT 'id_range', r.vps_id, 'slot', r.slot FROM id_ranges r WHERE r.vps_id IS NOT NULL
    )
    SELECT kind, subject, resource, c.stored, w.actual
    FROM counted c FULL JOIN wanted w USING (kind, subject, resource)
    -- A slot is a name, not an amount: there, missing is not the same as zero.
    WHERE CASE kind WHEN 'id_range' THEN c.stored IS DISTINCT FROM w.actual
        ELSE coalesce(c.stored, 0) <> coalesce(w.actual, 0) END
    ORDER BY 1, 2, 3
$$;

-- All that is billed by, from the evidence up (`croft-server verify billing`).
CREATE OR REPLACE FUNCTION croft_verify_billing()
RETURNS TABLE (kind text, subject uuid, resource text, stored text, actual text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM croft_verify_existence() UNION ALL SELECT * FROM croft_verify_usage() UNION ALL SELECT * FROM croft_verify_rating() UNION ALL SELECT * FROM croft_verify_money()
$$;
