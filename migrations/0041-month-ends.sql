-- The end of a month, account by account, and what prepaid accounts have left.

-- Up to which account a month was opened; in order of their ids, in bounded steps.
CREATE TABLE month_runs (
    month date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    opened_to uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    opened_at timestamptz, -- all of them
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One row an account and month, so that whatever runs twice or dies in between ends in one invoice.
CREATE TABLE month_ends (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES billing_accounts,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    step text NOT NULL DEFAULT 'freeze' CHECK (step IN ('freeze', 'wait', 'rate', 'check', 'finalise', 'send', 'done')),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'review', 'done')),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    waiting_for uuid[] NOT NULL DEFAULT '{}', -- nodes whose usage has not reached the end of the month
    deadline_at timestamptz,
    late boolean NOT NULL DEFAULT false, -- the deadline passed: the next month rates this one again
    approved boolean NOT NULL DEFAULT false,
    invoice_id uuid UNIQUE REFERENCES invoices,
    review text CHECK (length(review) BETWEEN 1 AND 500),
    error text CHECK (length(error) <= 500),
    attempts int NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, month),
    CHECK ((state = 'done') = (step = 'done')),
    CHECK ((state = 'review') = (review IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX month_ends_due ON month_ends (next_at) WHERE state = 'active';
CREATE INDEX month_ends_month ON month_ends (month, id);

-- What a prepaid account had left when it was looked at last.
CREATE TABLE prepaid_checks (
    tenant_id uuid PRIMARY KEY REFERENCES billing_accounts,
    checked_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    accrued numeric NOT NULL,
    available numeric NOT NULL
) WITH (fillfactor = 70);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['month_runs', 'month_ends', 'prepaid_checks']
    LOOP
        EXECUTE format('ALTER TABLE %I OWNER TO croft_owner', t);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO croft_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY definer_all ON %I TO croft_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY operator_read ON %I FOR SELECT TO croft_operator USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO croft_definer', t);
        EXECUTE format('GRANT SELECT ON %I TO croft_operator', t);
    END LOOP;
END
$$;
CREATE POLICY tenant_read ON prepaid_checks FOR SELECT TO croft_tenant USING (tenant_id = croft_tenant_id());
CREATE POLICY seller_read ON prepaid_checks FOR SELECT TO croft_tenant
    USING (EXISTS (SELECT FROM billing_accounts a WHERE a.tenant_id = prepaid_checks.tenant_id AND a.seller_id = croft_tenant_id()));
GRANT SELECT ON prepaid_checks TO croft_tenant;

-- Nothing left to pay with suspends, too; whoever sells may take that back, and a payment does.
ALTER TABLE tenants DROP CONSTRAINT tenants_suspended_by_check,
    ADD CONSTRAINT tenants_suspended_by_check CHECK (suspended_by IN ('operator', 'reseller', 'billing'));
