-- Who pays whom: each tenant below the root is one buyer, and what it rents is sold to it by its parent (a reseller, or the root).

-- One row a tenant, made with it by a trigger (functions/76-accounts.sql).
CREATE TABLE billing_accounts (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    seller_id uuid NOT NULL REFERENCES tenants,
    currency text NOT NULL DEFAULT 'EUR' CHECK (currency ~ '^[A-Z]{3}$'),
    terms text NOT NULL DEFAULT 'postpaid' CHECK (terms IN ('postpaid', 'prepaid')),
    -- Who the buyer is, as its invoices say from the next one on.
    company text CHECK (length(company) BETWEEN 1 AND 200),
    contact text CHECK (length(contact) BETWEEN 1 AND 200),
    email text CHECK (length(email) BETWEEN 3 AND 254), -- where bills go; null: to the owners and those whose role is billing
    address_lines text[] NOT NULL DEFAULT '{}' CHECK (cardinality(address_lines) <= 4 AND array_position(address_lines, NULL) IS NULL),
    postal_code text CHECK (length(postal_code) BETWEEN 1 AND 20),
    city text CHECK (length(city) BETWEEN 1 AND 100),
    region text CHECK (length(region) BETWEEN 1 AND 100),
    country text CHECK (country ~ '^[A-Z]{2}$'), -- ISO 3166-1
    vat_id text CHECK (vat_id ~ '^[A-Z0-9]{4,20}$'),
    tax_exempt boolean NOT NULL DEFAULT false,
    traffic_policy text NOT NULL DEFAULT 'bill' CHECK (traffic_policy IN ('bill', 'throttle')),
    due_days int NOT NULL DEFAULT 14 CHECK (due_days BETWEEN 0 AND 365),
    -- Prepaid: warned when less than this is left, in grace when nothing is, then suspended, then ended.
    warn_below numeric NOT NULL DEFAULT 5 CHECK (warn_below BETWEEN 0 AND 1000000000),
    grace_s int NOT NULL DEFAULT 259200 CHECK (grace_s BETWEEN 0 AND 31536000),
    end_after_s int NOT NULL DEFAULT 2592000 CHECK (end_after_s BETWEEN 0 AND 31536000), -- since it was suspended
    prepaid_state text NOT NULL DEFAULT 'ok' CHECK (prepaid_state IN ('ok', 'warned', 'grace', 'suspended', 'ended')),
    prepaid_since timestamptz NOT NULL DEFAULT now(), -- of that state
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (terms = 'prepaid' OR prepaid_state = 'ok')
);
CREATE INDEX billing_accounts_seller ON billing_accounts (seller_id, tenant_id);
CREATE INDEX billing_accounts_prepaid ON billing_accounts (tenant_id) WHERE terms = 'prepaid';

ALTER TABLE billing_accounts OWNER TO croft_owner;
ALTER TABLE billing_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON billing_accounts TO croft_owner USING (true) WITH CHECK (true);
CREATE POLICY definer_all ON billing_accounts TO croft_definer USING (true) WITH CHECK (true);
CREATE POLICY tenant_read ON billing_accounts FOR SELECT TO croft_tenant USING (tenant_id = croft_tenant_id());
-- A reseller is the seller of those right below it.
CREATE POLICY seller_read ON billing_accounts FOR SELECT TO croft_tenant USING (seller_id = croft_tenant_id());
CREATE POLICY operator_read ON billing_accounts FOR SELECT TO croft_operator USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON billing_accounts TO croft_definer;
GRANT SELECT ON billing_accounts TO croft_tenant, croft_operator;

INSERT INTO billing_accounts (tenant_id, seller_id) SELECT id, parent_id FROM tenants WHERE parent_id IS NOT NULL;

INSERT INTO state_transitions (machine, from_state, to_state)
    SELECT 'billing_accounts.prepaid_state', f, t FROM (VALUES
        ('ok', 'warned'), ('ok', 'grace'), ('warned', 'grace'), ('grace', 'suspended'), ('suspended', 'ended'),
        -- Paid, or no longer prepaid.
        ('warned', 'ok'), ('grace', 'ok'), ('grace', 'warned'), ('suspended', 'ok'), ('suspended', 'warned'), ('ended', 'ok'), ('ended', 'warned')) s (f, t);
