-- Who sells, and the books: append-only, double entry, with balances that constraints keep equal to what was posted.

-- What invoices say of a seller: the root, or a reseller.
CREATE TABLE billing_sellers (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    company text NOT NULL CHECK (length(company) BETWEEN 1 AND 200),
    email text CHECK (length(email) BETWEEN 3 AND 254),
    address_lines text[] NOT NULL DEFAULT '{}' CHECK (cardinality(address_lines) <= 4 AND array_position(address_lines, NULL) IS NULL),
    postal_code text CHECK (length(postal_code) BETWEEN 1 AND 20),
    city text CHECK (length(city) BETWEEN 1 AND 100),
    region text CHECK (length(region) BETWEEN 1 AND 100),
    country text CHECK (country ~ '^[A-Z]{2}$'),
    vat_id text CHECK (vat_id ~ '^[A-Z0-9]{4,20}$'),
    number_prefix text NOT NULL DEFAULT '' CHECK (number_prefix ~ '^[A-Z0-9-]{0,12}$'),
    footer text NOT NULL DEFAULT '' CHECK (length(footer) <= 500),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Above 0 is debit. Of each billing account and currency:
-- receivable: what the buyer owes, below 0 what it has paid in; revenue, tax: asked for; cash: received;
-- credits: granted and not used, below 0; promotion: what credits cost.
CREATE TABLE ledger_accounts (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES billing_accounts,
    kind text NOT NULL CHECK (kind IN ('receivable', 'revenue', 'tax', 'cash', 'credits', 'promotion')),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    balance numeric NOT NULL DEFAULT 0,
    last bigint, -- number of its last posting, which says the same balance
    UNIQUE (tenant_id, currency, kind),
    CHECK (last IS NOT NULL OR balance = 0),
    CHECK (kind <> 'credits' OR balance <= 0)
) WITH (fillfactor = 70);

CREATE TABLE ledger_entries (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES billing_accounts,
    kind text NOT NULL CHECK (kind IN ('invoice', 'credit_note', 'void', 'payment', 'refund', 'credit_granted', 'credit_applied',
        'credit_returned', 'credit_expired')),
    reference_id uuid NOT NULL, -- what it books: an invoice, a payment, a refund, a credit, a settlement
    description text NOT NULL CHECK (length(description) BETWEEN 1 AND 300),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, reference_id) -- nothing is booked twice
);
CREATE INDEX ledger_entries_tenant ON ledger_entries (tenant_id, id);

-- Of each account a chain: a posting begins at the balance that the one before it ended at, so no balance drifts from its postings.
CREATE TABLE ledger_postings (
    entry_id uuid NOT NULL REFERENCES ledger_entries,
    account_id uuid NOT NULL REFERENCES ledger_accounts,
    tenant_id uuid NOT NULL REFERENCES billing_accounts,
    number bigint NOT NULL CHECK (number > 0),
    follows bigint CHECK (follows = number - 1),
    amount numeric NOT NULL CHECK (amount <> 0),
    before numeric NOT NULL,
    balance numeric NOT NULL CHECK (balance = before + amount),
    PRIMARY KEY (entry_id, account_id),
    UNIQUE (account_id, number),
    UNIQUE (account_id, number, balance),
    CHECK ((follows IS NULL) = (number = 1)),
    CHECK (number > 1 OR before = 0),
    FOREIGN KEY (account_id, follows, before) REFERENCES ledger_postings (account_id, number, balance)
);
CREATE INDEX ledger_postings_tenant ON ledger_postings (tenant_id);
ALTER TABLE ledger_accounts ADD FOREIGN KEY (id, last, balance) REFERENCES ledger_postings (account_id, number, balance)
    DEFERRABLE INITIALLY DEFERRED;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['billing_sellers', 'ledger_accounts', 'ledger_entries', 'ledger_postings']
    LOOP
        EXECUTE format('ALTER TABLE %I OWNER TO croft_owner', t);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO croft_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY definer_all ON %I TO croft_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY tenant_read ON %I FOR SELECT TO croft_tenant USING (tenant_id = croft_tenant_id())', t);
        EXECUTE format('CREATE POLICY operator_read ON %I FOR SELECT TO croft_operator USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO croft_definer', t);
        EXECUTE format('GRANT SELECT ON %I TO croft_tenant, croft_operator', t);
    END LOOP;
END
$$;
GRANT UPDATE ON billing_sellers TO croft_definer;
GRANT UPDATE (balance, last) ON ledger_accounts TO croft_definer;
