-- What is sold, from when on, to whom, and what resellers sell it for.

-- What is sold under a plan's name from valid_from on. Never changed once it holds: a vps names the one that it was sold with.
-- Bounds are those of docs/openapi.yaml: 2^53 - 1 is the largest integer that every JSON reader keeps.
CREATE TABLE plan_versions (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    plan_id uuid NOT NULL REFERENCES plans,
    number int NOT NULL CHECK (number > 0),
    valid_from timestamptz NOT NULL DEFAULT now(),
    vcpus int NOT NULL CHECK (vcpus BETWEEN 1 AND 1024),
    memory_bytes bigint NOT NULL CHECK (memory_bytes BETWEEN 1 AND 9007199254740991),
    swap_bytes bigint NOT NULL DEFAULT 0 CHECK (swap_bytes BETWEEN 0 AND 9007199254740991),
    disk_bytes bigint NOT NULL CHECK (disk_bytes BETWEEN 1 AND 9007199254740991),
    pids bigint NOT NULL DEFAULT 4096 CHECK (pids BETWEEN 16 AND 4194304),
    traffic_bytes bigint NOT NULL DEFAULT 0 CHECK (traffic_bytes >= 0),
    ipv4_count int NOT NULL DEFAULT 1 CHECK (ipv4_count BETWEEN 0 AND 8),
    ipv6_count int NOT NULL DEFAULT 1 CHECK (ipv6_count BETWEEN 0 AND 8),
    -- Rates; null: no limit of its own. Network: bits a second, each way. Disk: bytes and operations a second.
    net_rate_bps bigint CHECK (net_rate_bps BETWEEN 64000 AND 1000000000000),
    io_bps bigint CHECK (io_bps BETWEEN 65536 AND 9007199254740991),
    iops bigint CHECK (iops BETWEEN 16 AND 4294967295),
    -- What a guest may use beyond the usual.
    tun boolean NOT NULL DEFAULT false,
    fuse boolean NOT NULL DEFAULT false,
    nesting boolean NOT NULL DEFAULT false,
    delete_hold_s int NOT NULL DEFAULT 0 CHECK (delete_hold_s BETWEEN 0 AND 31536000), -- a deleted vps is kept so long
    price_month numeric NOT NULL DEFAULT 0 CHECK (price_month >= 0),
    price_hour numeric NOT NULL DEFAULT 0 CHECK (price_hour >= 0),
    currency text NOT NULL DEFAULT 'EUR' CHECK (currency ~ '^[A-Z]{3}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (plan_id, number),
    UNIQUE (plan_id, valid_from)
);
ALTER TABLE vps ADD CONSTRAINT vps_plan_version FOREIGN KEY (plan_id, plan_version) REFERENCES plan_versions (plan_id, number);

-- Who sees a plan or an image that is not public.
CREATE TABLE plan_tenants (
    plan_id uuid NOT NULL REFERENCES plans,
    tenant_id uuid NOT NULL REFERENCES tenants,
    PRIMARY KEY (plan_id, tenant_id)
);
CREATE INDEX plan_tenants_tenant ON plan_tenants (tenant_id);

CREATE TABLE image_tenants (
    image_id uuid NOT NULL REFERENCES images,
    tenant_id uuid NOT NULL REFERENCES tenants,
    PRIMARY KEY (image_id, tenant_id)
);
CREATE INDEX image_tenants_tenant ON image_tenants (tenant_id);

-- The plans that a reseller sells to the tenants below it, at its own price.
CREATE TABLE plan_offers (
    seller_id uuid NOT NULL REFERENCES tenants,
    plan_id uuid NOT NULL REFERENCES plans,
    price_month numeric NOT NULL CHECK (price_month >= 0),
    price_hour numeric NOT NULL CHECK (price_hour >= 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (seller_id, plan_id)
);
CREATE INDEX plan_offers_plan ON plan_offers (plan_id);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['plan_versions', 'plan_tenants', 'image_tenants', 'plan_offers'] LOOP
        EXECUTE format('ALTER TABLE %I OWNER TO croft_owner', t);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO croft_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY definer_all ON %I TO croft_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY operator_read ON %I FOR SELECT TO croft_operator USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO croft_definer', t);
        EXECUTE format('GRANT SELECT ON %I TO croft_operator', t);
    END LOOP;
END
$$;
REVOKE UPDATE ON plan_versions FROM croft_definer;

CREATE POLICY tenant_read ON plan_offers FOR SELECT TO croft_tenant USING (seller_id = croft_tenant_id());
CREATE POLICY tenant_read ON image_tenants FOR SELECT TO croft_tenant
    USING (tenant_id IN (SELECT unnest(t.path) FROM tenants t WHERE t.id = croft_tenant_id()));
CREATE POLICY tenant_read ON images FOR SELECT TO croft_tenant
    USING (public OR EXISTS (SELECT FROM image_tenants x WHERE x.image_id = images.id));
GRANT SELECT ON plan_offers, image_tenants, images TO croft_tenant;

-- Plans with what holds of them now (of one that does not hold yet: what will first), for operators.
CREATE VIEW plans_now WITH (security_invoker = true) AS
    SELECT p.id, p.name, p.title, p.active, p.public, p.location_ids, p.node_tags, p.private_ipv4, p.version, p.created_at, p.updated_at, v.number, v.valid_from,
        v.vcpus, v.memory_bytes, v.swap_bytes, v.disk_bytes, v.pids, v.traffic_bytes, v.ipv4_count, v.ipv6_count,
        v.net_rate_bps, v.io_bps, v.iops, v.tun, v.fuse, v.nesting, v.delete_hold_s,
        v.price_month, v.price_hour, v.currency,
        (SELECT row_to_json(f) FROM (
            SELECT x.number, x.valid_from, x.vcpus, x.memory_bytes, x.swap_bytes, x.disk_bytes, x.pids, x.traffic_bytes,
                x.ipv4_count, x.ipv6_count,
                x.net_rate_bps, x.io_bps, x.iops, x.tun, x.fuse, x.nesting, x.delete_hold_s, x.price_month::text, x.price_hour::text, x.currency
            FROM plan_versions x WHERE x.plan_id = p.id AND x.valid_from > greatest(now(), v.valid_from)
            ORDER BY x.valid_from LIMIT 1) f) AS next
    FROM plans p
    CROSS JOIN LATERAL (SELECT x.* FROM plan_versions x WHERE x.plan_id = p.id
        ORDER BY x.valid_from > now(), abs(extract(epoch FROM x.valid_from - now())) LIMIT 1) v;
ALTER VIEW plans_now OWNER TO croft_owner;
GRANT SELECT ON plans_now TO croft_operator, croft_definer;

-- The plans that the tenant of the context may choose from, at the price it pays: its reseller's, if it has one. Not with the
-- reader's rights, for no tenant reads what its reseller pays.
CREATE VIEW plans_offered WITH (security_barrier = true) AS
    SELECT p.id, p.name, p.title, p.active, p.public, p.location_ids, p.node_tags, p.private_ipv4, p.version + coalesce(o.version, 0) AS version, p.created_at,
        greatest(p.updated_at, o.updated_at) AS updated_at, v.number, v.valid_from,
        v.vcpus, v.memory_bytes, v.swap_bytes, v.disk_bytes, v.pids, v.traffic_bytes, v.ipv4_count, v.ipv6_count,
        v.net_rate_bps, v.io_bps, v.iops, v.tun, v.fuse, v.nesting, v.delete_hold_s,
        coalesce(o.price_month, v.price_month) AS price_month, coalesce(o.price_hour, v.price_hour) AS price_hour,
        coalesce(o.currency, v.currency) AS currency,
        (SELECT row_to_json(f) FROM (
            SELECT x.number, x.valid_from, x.vcpus, x.memory_bytes, x.swap_bytes, x.disk_bytes, x.pids, x.traffic_bytes,
                x.ipv4_count, x.ipv6_count,
                x.net_rate_bps, x.io_bps, x.iops, x.tun, x.fuse, x.nesting, x.delete_hold_s, coalesce(o.price_month, x.price_month)::text AS price_month,
                coalesce(o.price_hour, x.price_hour)::text AS price_hour, coalesce(o.currency, x.currency) AS currency
            FROM plan_versions x WHERE x.plan_id = p.id AND x.valid_from > now()
            ORDER BY x.valid_from LIMIT 1) f) AS next
    FROM tenants me
    LEFT JOIN tenants seller ON seller.id = me.parent_id AND seller.kind = 'reseller'
    CROSS JOIN plans p
    LEFT JOIN plan_offers o ON o.seller_id = seller.id AND o.plan_id = p.id AND o.active
    CROSS JOIN LATERAL (SELECT x.* FROM plan_versions x WHERE x.plan_id = p.id AND x.valid_from <= now()
        ORDER BY x.valid_from DESC LIMIT 1) v
    WHERE me.id = croft_tenant_id() AND (seller.id IS NULL OR o.plan_id IS NOT NULL)
        AND (p.public OR me.parent_id IS NULL OR EXISTS (SELECT FROM plan_tenants t
            WHERE t.plan_id = p.id AND t.tenant_id = coalesce(seller.id, me.id)));
ALTER VIEW plans_offered OWNER TO croft_owner;
GRANT SELECT ON plans_offered TO croft_tenant, croft_definer;

CREATE TYPE croft_holder AS (type text, id uuid, name text, amount bigint);
ALTER TYPE croft_holder OWNER TO croft_owner;
