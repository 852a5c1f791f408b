-- Firewalls, address sets, private networks, forwarded ports, reverse names; kinds of pools and what a freed address waits.

-- private: masqueraded as the node, reached by forwarded ports only.
ALTER TABLE pools ADD kind text NOT NULL DEFAULT 'routed' CHECK (kind IN ('routed', 'private')),
    ADD quarantine_s int NOT NULL DEFAULT 0 CHECK (quarantine_s BETWEEN 0 AND 31622400);
ALTER TABLE addresses ADD freed_at timestamptz; -- not given again before the quarantine of its pool is over
CREATE INDEX addresses_freed ON addresses (pool_id, freed_at) WHERE vps_id IS NULL AND freed_at IS NOT NULL;
-- Ports of a node that may be forwarded.
ALTER TABLE nodes ADD forward_first int NOT NULL DEFAULT 20000, ADD forward_last int NOT NULL DEFAULT 29999,
    ADD CHECK (forward_first BETWEEN 1024 AND forward_last AND forward_last <= 65535);

CREATE TABLE address_sets (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 63),
    cidrs text[] NOT NULL CHECK (cardinality(cidrs) <= 256),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name)
);
CREATE INDEX address_sets_tenant ON address_sets (tenant_id, id);

-- A vps without a row lets everything pass. Rules as the API shows them: addresses in canonical form, sets by id.
CREATE TABLE firewalls (
    vps_id uuid PRIMARY KEY REFERENCES vps,
    tenant_id uuid NOT NULL REFERENCES tenants,
    policy_in text NOT NULL CHECK (policy_in IN ('accept', 'drop')),
    policy_out text NOT NULL CHECK (policy_out IN ('accept', 'drop')),
    rules jsonb NOT NULL CHECK (jsonb_array_length(rules) <= 100),
    version bigint NOT NULL DEFAULT 2, -- 1 is that of a vps without
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX firewalls_tenant ON firewalls (tenant_id);

CREATE TABLE firewall_sets (
    vps_id uuid NOT NULL REFERENCES firewalls ON DELETE CASCADE,
    set_id uuid NOT NULL REFERENCES address_sets,
    tenant_id uuid NOT NULL REFERENCES tenants,
    PRIMARY KEY (vps_id, set_id)
);
CREATE INDEX firewall_sets_set ON firewall_sets (set_id);
CREATE INDEX firewall_sets_tenant ON firewall_sets (tenant_id);

-- Each has a range of its own, since all guests of a node share one table of routes: 100.64.0.0/10 is cut into /24,
-- fd63:726f:6674::/48 into /64, by number.
CREATE TABLE networks (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 63),
    number int NOT NULL UNIQUE CHECK (number BETWEEN 0 AND 16383),
    node_id uuid REFERENCES nodes, -- that of its members; null: it has none
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name)
);
CREATE INDEX networks_tenant ON networks (tenant_id, id);
CREATE INDEX networks_node ON networks (node_id);

CREATE TABLE network_members (
    network_id uuid NOT NULL REFERENCES networks,
    vps_id uuid NOT NULL REFERENCES vps,
    tenant_id uuid NOT NULL REFERENCES tenants,
    host int NOT NULL CHECK (host BETWEEN 2 AND 254),
    -- Taken out, and its number kept until the node has reached this generation.
    release_generation bigint,
    PRIMARY KEY (network_id, vps_id),
    UNIQUE (network_id, host)
);
CREATE INDEX network_members_vps ON network_members (vps_id);
CREATE INDEX network_members_tenant ON network_members (tenant_id);

CREATE TABLE port_forwards (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants,
    vps_id uuid NOT NULL REFERENCES vps,
    node_id uuid NOT NULL REFERENCES nodes,
    protocol text NOT NULL CHECK (protocol IN ('tcp', 'udp')),
    host_port int NOT NULL CHECK (host_port BETWEEN 1024 AND 65535),
    port int NOT NULL CHECK (port BETWEEN 1 AND 65535),
    -- The same: a port is given again once its node no longer forwards it.
    release_generation bigint,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT port_forwards_once UNIQUE (node_id, protocol, host_port)
);
CREATE INDEX port_forwards_vps ON port_forwards (vps_id, id);
CREATE INDEX port_forwards_tenant ON port_forwards (tenant_id);

-- The names that owners of addresses want.
CREATE TABLE rdns (
    address inet PRIMARY KEY REFERENCES addresses ON DELETE CASCADE,
    vps_id uuid NOT NULL REFERENCES vps,
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL CHECK (length(name) <= 253),
    told boolean NOT NULL DEFAULT false -- a name server has it
);
CREATE INDEX rdns_untold ON rdns (address) WHERE NOT told;
CREATE INDEX rdns_vps ON rdns (vps_id);
CREATE INDEX rdns_tenant ON rdns (tenant_id);

-- What the name servers have still to be told: one row an address, what holds is what its row says now.
CREATE TABLE rdns_changes (
    address inet PRIMARY KEY,
    name text, -- null: none any more
    serial bigint NOT NULL GENERATED ALWAYS AS IDENTITY, -- rises with each change: an answer to an older one settles nothing
    attempts int NOT NULL DEFAULT 0,
    -- Who claimed it is telling name servers this one, at most until then; a later one waits for it, so that they hear of them in order.
    claimed_serial bigint,
    claimed_until timestamptz,
    next_at timestamptz NOT NULL DEFAULT now(),
    error text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX rdns_changes_due ON rdns_changes (next_at);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['address_sets', 'firewalls', 'firewall_sets', 'networks', 'network_members', 'port_forwards', 'rdns', 'rdns_changes']
    LOOP
        EXECUTE format('ALTER TABLE %I OWNER TO croft_owner', t);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO croft_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY definer_all ON %I TO croft_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY operator_read ON %I FOR SELECT TO croft_operator USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO croft_definer', t);
        EXECUTE format('GRANT SELECT ON %I TO croft_operator', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['address_sets', 'firewalls', 'firewall_sets', 'networks', 'network_members', 'port_forwards', 'rdns']
    LOOP
        EXECUTE format('CREATE POLICY tenant_read ON %I FOR SELECT TO croft_tenant USING (tenant_id = croft_tenant_id())', t);
        EXECUTE format('GRANT SELECT ON %I TO croft_tenant', t);
    END LOOP;
END
$$;
