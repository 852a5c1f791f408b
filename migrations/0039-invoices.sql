-- What is asked for. A draft is made anew as often as needed; once final it has a number and changes no more, but for what was paid.

-- The last number that was given: the row is locked by the transaction that finalises, so that a number is given or not, never lost.
CREATE TABLE invoice_numbers (
    seller_id uuid NOT NULL REFERENCES tenants,
    kind text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    year int NOT NULL CHECK (year BETWEEN 2000 AND 9999),
    last int NOT NULL CHECK (last > 0),
    PRIMARY KEY (seller_id, kind, year)
);

CREATE TABLE invoices (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES billing_accounts,
    seller_id uuid NOT NULL REFERENCES tenants,
    kind text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'final', 'paid', 'void')),
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    year int, -- of its number
    sequence int CHECK (sequence > 0),
    number text CHECK (length(number) BETWEEN 1 AND 40),
    net numeric NOT NULL DEFAULT 0,
    tax numeric NOT NULL DEFAULT 0,
    total numeric NOT NULL DEFAULT 0 CHECK (total = net + tax),
    settled numeric NOT NULL DEFAULT 0, -- the sum of its settlements
    taxes jsonb NOT NULL DEFAULT '[]', -- by name and rate: net, tax
    buyer jsonb, -- both as they were when it became final
    seller jsonb,
    corrects uuid REFERENCES invoices, -- of a credit note
    reason text CHECK (length(reason) BETWEEN 1 AND 500),
    issued_at timestamptz,
    due_at timestamptz,
    paid_at timestamptz,
    voided_at timestamptz,
    sent_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (seller_id, kind, year, sequence),
    UNIQUE (seller_id, number),
    CHECK ((state = 'draft') = (number IS NULL)),
    CHECK (num_nulls(number, year, sequence, issued_at, buyer, seller) IN (0, 6)),
    CHECK (state = 'draft' OR CASE kind WHEN 'invoice' THEN total >= 0 ELSE total <= 0 END),
    CHECK (CASE kind WHEN 'invoice' THEN settled BETWEEN 0 AND greatest(total, 0) ELSE settled BETWEEN least(total, 0) AND 0 END),
    CHECK (state <> 'paid' OR settled = total),
    CHECK (state NOT IN ('draft', 'void') OR settled = 0),
    CHECK ((state = 'paid') = (paid_at IS NOT NULL)),
    CHECK ((state = 'void') = (voided_at IS NOT NULL))
);
CREATE INDEX invoices_tenant ON invoices (tenant_id, id);
CREATE INDEX invoices_open ON invoices (tenant_id, issued_at) WHERE state = 'final';
CREATE INDEX invoices_corrects ON invoices (corrects) WHERE corrects IS NOT NULL;
CREATE UNIQUE INDEX invoices_one_draft ON invoices (tenant_id) WHERE state = 'draft' AND kind = 'invoice';

CREATE TABLE invoice_lines (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    invoice_id uuid NOT NULL REFERENCES invoices,
    position int NOT NULL CHECK (position > 0),
    charge_id uuid UNIQUE REFERENCES charges, -- on one line at most
    corrects_line uuid UNIQUE REFERENCES invoice_lines, -- of a credit note; corrected once at most
    description text NOT NULL,
    vps_id uuid,
    location_id uuid,
    meter text NOT NULL,
    from_ts timestamptz,
    to_ts timestamptz,
    quantity numeric NOT NULL,
    unit text NOT NULL,
    unit_price numeric,
    amount numeric NOT NULL,
    tax_name text,
    tax_rate numeric NOT NULL DEFAULT 0,
    tax_amount numeric NOT NULL DEFAULT 0,
    UNIQUE (invoice_id, position)
);

ALTER TABLE charges ADD FOREIGN KEY (invoice_id) REFERENCES invoices;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['invoice_numbers', 'invoices', 'invoice_lines']
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
GRANT DELETE ON invoice_lines TO croft_definer;
-- Who buys sees what it was asked for, who sells also what it will ask for.
CREATE POLICY tenant_read ON invoices FOR SELECT TO croft_tenant USING (tenant_id = croft_tenant_id() AND state <> 'draft');
CREATE POLICY seller_read ON invoices FOR SELECT TO croft_tenant USING (seller_id = croft_tenant_id());
CREATE POLICY tenant_read ON invoice_lines FOR SELECT TO croft_tenant USING (EXISTS (SELECT FROM invoices i WHERE i.id = invoice_id));
GRANT SELECT ON invoices, invoice_lines TO croft_tenant;

INSERT INTO state_transitions (machine, from_state, to_state) VALUES
    ('invoices.state', 'draft', 'final'), ('invoices.state', 'final', 'paid'), ('invoices.state', 'final', 'void'),
    ('invoices.state', 'paid', 'final'); -- the payment was taken back
