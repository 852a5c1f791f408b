-- What was paid and by what: payments, credits, credit notes. No card data: that is the provider's.

CREATE TABLE payment_providers (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    seller_id uuid NOT NULL REFERENCES tenants,
    kind text NOT NULL CHECK (kind IN ('manual', 'webhook')),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 100),
    instructions text NOT NULL DEFAULT '' CHECK (length(instructions) <= 1000),
    checkout_url text CHECK (checkout_url ~ '^https://' AND length(checkout_url) <= 500),
    active boolean NOT NULL DEFAULT true,
    -- Of kind webhook: what its messages are signed with, sealed (server/secret_box.h).
    secret text CHECK (secret ~ '^v1\.[a-z0-9-]+\.[A-Za-z0-9_-]{40,}$' AND length(secret) <= 400),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'webhook') = (secret IS NOT NULL))
);
CREATE INDEX payment_providers_seller ON payment_providers (seller_id, id);

CREATE TABLE payments (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES billing_accounts,
    seller_id uuid NOT NULL REFERENCES tenants,
    provider_id uuid REFERENCES payment_providers, -- null: recorded by the seller
    method text NOT NULL CHECK (method IN ('manual', 'webhook')),
    reference text CHECK (length(reference) BETWEEN 1 AND 200), -- the provider's own name of it
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'succeeded', 'failed', 'refunded')),
    amount numeric NOT NULL CHECK (amount > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    unallocated numeric NOT NULL DEFAULT 0, -- what no invoice has taken
    refunded numeric NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND amount),
    invoice_id uuid REFERENCES invoices,
    checkout_url text CHECK (length(checkout_url) <= 1000),
    note text CHECK (length(note) BETWEEN 1 AND 500),
    created_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    CHECK (unallocated BETWEEN 0 AND amount - refunded),
    CHECK (state IN ('succeeded', 'refunded') OR unallocated = 0 AND refunded = 0),
    CHECK ((state = 'refunded') = (refunded = amount))
);
CREATE INDEX payments_tenant ON payments (tenant_id, id);
CREATE INDEX payments_seller ON payments (seller_id);
CREATE INDEX payments_provider ON payments (provider_id);
CREATE INDEX payments_invoice ON payments (invoice_id);
CREATE INDEX payments_unallocated ON payments (tenant_id, settled_at) WHERE unallocated > 0;
-- What a provider names is one payment, however often it says so.
CREATE UNIQUE INDEX payments_reference ON payments (seller_id, coalesce(provider_id, '00000000-0000-0000-0000-000000000000'), reference)
    WHERE reference IS NOT NULL;

CREATE TABLE payment_refunds (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    payment_id uuid NOT NULL REFERENCES payments,
    tenant_id uuid NOT NULL REFERENCES billing_accounts,
    amount numeric NOT NULL CHECK (amount > 0),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payment_refunds_payment ON payment_refunds (payment_id);
CREATE INDEX payment_refunds_tenant ON payment_refunds (tenant_id);

-- Messages of providers that were taken: the same again changes nothing.
CREATE TABLE payment_notices (
    provider_id uuid NOT NULL REFERENCES payment_providers,
    message_id text NOT NULL CHECK (length(message_id) BETWEEN 1 AND 200),
    type text NOT NULL CHECK (length(type) BETWEEN 1 AND 64),
    payment_id uuid REFERENCES payments,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider_id, message_id)
);
CREATE INDEX payment_notices_payment ON payment_notices (payment_id);
CREATE INDEX payment_notices_received ON payment_notices (received_at);

CREATE TABLE promotions (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    seller_id uuid NOT NULL REFERENCES tenants,
    code text NOT NULL CHECK (code ~ '^[A-Z0-9-]{4,40}$'),
    amount numeric NOT NULL CHECK (amount > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    active boolean NOT NULL DEFAULT true,
    expires_at timestamptz, -- not redeemed from then on
    credit_days int CHECK (credit_days BETWEEN 1 AND 3650), -- that a credit of it lasts; null: for ever
    max_uses int CHECK (max_uses > 0),
    uses int NOT NULL DEFAULT 0 CHECK (uses >= 0),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (seller_id, code),
    CONSTRAINT promotions_within_uses CHECK (uses <= max_uses)
);

-- Pays for invoices, the one that expires first before others.
CREATE TABLE credits (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES billing_accounts,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount numeric NOT NULL CHECK (amount > 0),
    remaining numeric NOT NULL,
    source text NOT NULL CHECK (source IN ('grant', 'promotion')),
    promotion_id uuid REFERENCES promotions,
    note text CHECK (length(note) BETWEEN 1 AND 500),
    expires_at timestamptz,
    expired_at timestamptz, -- what was left then is gone
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT credits_not_overdrawn CHECK (remaining BETWEEN 0 AND amount),
    CHECK ((source = 'promotion') = (promotion_id IS NOT NULL)),
    CHECK (expired_at IS NULL OR remaining = 0 AND expires_at IS NOT NULL)
);
CREATE INDEX credits_tenant ON credits (tenant_id, id);
CREATE INDEX credits_left ON credits (tenant_id, expires_at) WHERE remaining > 0;
CREATE INDEX credits_expiry ON credits (expires_at) WHERE remaining > 0 AND expires_at IS NOT NULL;
CREATE UNIQUE INDEX credits_once ON credits (promotion_id, tenant_id) WHERE promotion_id IS NOT NULL; -- once a tenant

-- What paid an invoice, or some of it; below 0 where that was taken back with the invoice.
CREATE TABLE settlements (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    invoice_id uuid NOT NULL REFERENCES invoices,
    tenant_id uuid NOT NULL REFERENCES billing_accounts,
    amount numeric NOT NULL CHECK (amount <> 0),
    payment_id uuid REFERENCES payments,
    credit_id uuid REFERENCES credits,
    credit_note_id uuid REFERENCES invoices,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(payment_id, credit_id, credit_note_id) = 1)
);
CREATE INDEX settlements_invoice ON settlements (invoice_id);
CREATE INDEX settlements_tenant ON settlements (tenant_id);
CREATE INDEX settlements_payment ON settlements (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX settlements_credit ON settlements (credit_id) WHERE credit_id IS NOT NULL;
CREATE INDEX settlements_credit_note ON settlements (credit_note_id) WHERE credit_note_id IS NOT NULL;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['payment_providers', 'payments', 'payment_refunds', 'payment_notices', 'promotions', 'credits', 'settlements']
    LOOP
        EXECUTE format('ALTER TABLE %I OWNER TO croft_owner', t);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO croft_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY definer_all ON %I TO croft_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY operator_read ON %I FOR SELECT TO croft_operator USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO croft_definer', t);
        IF t <> 'payment_providers' THEN
            EXECUTE format('GRANT SELECT ON %I TO croft_operator', t);
        END IF;
    END LOOP;
    FOREACH t IN ARRAY ARRAY['payments', 'credits', 'settlements']
    LOOP
        EXECUTE format('CREATE POLICY tenant_read ON %I FOR SELECT TO croft_tenant USING (tenant_id = croft_tenant_id())', t);
        EXECUTE format('GRANT SELECT ON %I TO croft_tenant', t);
    END LOOP;
END
$$;
GRANT UPDATE ON payment_providers, payments, promotions, credits TO croft_definer;
GRANT DELETE ON payment_notices TO croft_definer;
-- Of an invoice that its seller reads, also what paid it.
CREATE POLICY seller_read ON settlements FOR SELECT TO croft_tenant
    USING (EXISTS (SELECT FROM invoices i WHERE i.id = invoice_id AND i.seller_id = croft_tenant_id()));
-- The ways to pay that one's seller offers.
CREATE POLICY tenant_read ON payment_providers FOR SELECT TO croft_tenant
    USING (active AND seller_id = (SELECT a.seller_id FROM billing_accounts a WHERE a.tenant_id = croft_tenant_id()));
GRANT SELECT (id, seller_id, kind, title, instructions, checkout_url, active, version, created_at, updated_at) ON payment_providers
    TO croft_tenant, croft_operator;
CREATE VIEW payment_providers_visible WITH (security_invoker = true) AS
    SELECT id, seller_id, kind, title, instructions, checkout_url, active, version, created_at, updated_at FROM payment_providers;
ALTER VIEW payment_providers_visible OWNER TO croft_owner;
GRANT SELECT ON payment_providers_visible TO croft_tenant, croft_operator, croft_definer;

INSERT INTO state_transitions (machine, from_state, to_state) VALUES
    ('payments.state', 'pending', 'succeeded'), ('payments.state', 'pending', 'failed'), ('payments.state', 'failed', 'succeeded'),
    ('payments.state', 'succeeded', 'refunded');
