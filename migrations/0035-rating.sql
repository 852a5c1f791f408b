-- What things cost, from when on, and what was charged. Rated by functions/76-rating-*.sql; docs/billing.md says how.

-- One list of prices a seller and currency; what holds of it is its latest version that has begun.
CREATE TABLE price_books (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    seller_id uuid NOT NULL REFERENCES tenants,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (seller_id, currency)
);

-- A whole list, which replaces the one before it from valid_from on. It is made with its items and never changed; one that has not
-- begun may be deleted.
CREATE TABLE price_book_versions (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    book_id uuid NOT NULL REFERENCES price_books,
    number int NOT NULL CHECK (number > 0),
    valid_from timestamptz NOT NULL CHECK (valid_from = date_trunc('second', valid_from, 'UTC')),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (book_id, number),
    UNIQUE (book_id, valid_from)
);

-- What is not in the list costs nothing; a plan that is not in it costs what its own version (or its reseller's offer) says.
CREATE TABLE price_items (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    version_id uuid NOT NULL REFERENCES price_book_versions ON DELETE CASCADE,
    meter text NOT NULL CHECK (meter IN ('plan', 'ipv4', 'traffic', 'snapshot', 'backup', 'stopped', 'suspended', 'held', 'cpu', 'disk', 'io')),
    plan_id uuid REFERENCES plans, -- null: any
    location_id uuid REFERENCES locations, -- null: any
    price_hour numeric CHECK (price_hour BETWEEN 0 AND 999999999999.999999),
    price_month numeric CHECK (price_month BETWEEN 0 AND 999999999999.999999),
    price_unit numeric CHECK (price_unit BETWEEN 0 AND 999999999999.999999), -- traffic: a TB (10^12 bytes); cpu: an hour of one CPU; io: a million operations
    percent numeric CHECK (percent BETWEEN 0 AND 100), -- of the plan's price
    included numeric NOT NULL DEFAULT 0 CHECK (included BETWEEN 0 AND 1000000000), -- units that are free: of traffic the account's, a month
    UNIQUE NULLS NOT DISTINCT (version_id, meter, plan_id, location_id),
    CHECK (CASE WHEN meter IN ('plan', 'ipv4') THEN num_nulls(price_hour, price_month) < 2 AND num_nulls(price_unit, percent) = 2
        WHEN meter IN ('snapshot', 'disk') THEN price_month IS NOT NULL AND num_nulls(price_hour, price_unit, percent) = 3
        WHEN meter IN ('traffic', 'cpu', 'io') THEN price_unit IS NOT NULL AND num_nulls(price_hour, price_month, percent) = 3
        ELSE percent IS NOT NULL AND num_nulls(price_hour, price_month, price_unit) = 3 END),
    CHECK (included = 0 OR meter IN ('traffic', 'cpu', 'io') AND location_id IS NULL),
    CHECK (plan_id IS NULL OR meter NOT IN ('traffic', 'snapshot', 'cpu', 'disk', 'io'))
);
CREATE INDEX price_items_plan ON price_items (plan_id);
CREATE INDEX price_items_location ON price_items (location_id);

-- What a reseller's offers cost, from when on: plan_offers says only what they cost now. An offer that ended goes on for those who have it.
CREATE TABLE plan_offer_prices (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    seller_id uuid NOT NULL REFERENCES tenants,
    plan_id uuid NOT NULL REFERENCES plans,
    valid_from timestamptz NOT NULL CHECK (valid_from = date_trunc('second', valid_from, 'UTC')),
    price_month numeric NOT NULL,
    price_hour numeric NOT NULL,
    currency text NOT NULL,
    UNIQUE (seller_id, plan_id, valid_from)
);
CREATE INDEX plan_offer_prices_plan ON plan_offer_prices (plan_id);
INSERT INTO plan_offer_prices (seller_id, plan_id, valid_from, price_month, price_hour, currency)
    SELECT seller_id, plan_id, date_trunc('second', created_at, 'UTC'), price_month, price_hour, currency FROM plan_offers;

-- Whether an account's overage of traffic is billed, from when on: what was throttled is not billed afterwards.
CREATE TABLE traffic_policies (
    account_id uuid NOT NULL REFERENCES tenants,
    valid_from timestamptz NOT NULL CHECK (valid_from = date_trunc('second', valid_from, 'UTC')),
    policy text NOT NULL,
    PRIMARY KEY (account_id, valid_from)
);
INSERT INTO traffic_policies (account_id, valid_from, policy)
    SELECT tenant_id, date_trunc('second', created_at, 'UTC'), traffic_policy FROM billing_accounts;

-- Which tax a seller adds, by the buyer's country. The one that says most of it holds, of several the latest that has begun.
CREATE TABLE tax_rules (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    seller_id uuid NOT NULL REFERENCES tenants,
    country text CHECK (country ~ '^[A-Z]{2}$'), -- null: any
    region text CHECK (length(region) BETWEEN 1 AND 100), -- null: all of it
    category text CHECK (category ~ '^[a-z0-9_]{1,40}$'), -- a meter; null: any
    rate numeric NOT NULL CHECK (rate BETWEEN 0 AND 100), -- percent
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    valid_from timestamptz NOT NULL CHECK (valid_from = date_trunc('second', valid_from, 'UTC')),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (region IS NULL OR country IS NOT NULL),
    UNIQUE NULLS NOT DISTINCT (seller_id, country, region, category, valid_from)
);

-- What croft_rate() returns: the key says what is charged, and stays the same however often it is rated.
CREATE TYPE rated_line AS (
    key text, vps_id uuid, tenant_id uuid, location_id uuid, meter text, description text, from_ts timestamptz, to_ts timestamptz,
    quantity numeric, unit text, unit_price numeric, amount numeric, currency text, tax_rate numeric, tax_amount numeric, tax_name text,
    price_version uuid, evidence jsonb
);
ALTER TYPE rated_line OWNER TO croft_owner;

-- Lines as they were charged. Nothing in them changes; what turns out otherwise is another line of the same key.
CREATE TABLE charges (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    account_id uuid NOT NULL REFERENCES billing_accounts,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    key text NOT NULL,
    number int NOT NULL CHECK (number >= 0), -- 0: usage; 1, 2, …: adjustments
    kind text GENERATED ALWAYS AS (CASE WHEN number = 0 THEN 'usage' ELSE 'adjustment' END) STORED,
    vps_id uuid REFERENCES vps,
    tenant_id uuid NOT NULL REFERENCES tenants, -- whose vps it is: the account, or one below it
    location_id uuid REFERENCES locations,
    meter text NOT NULL,
    description text NOT NULL,
    from_ts timestamptz NOT NULL,
    to_ts timestamptz NOT NULL,
    quantity numeric NOT NULL,
    unit text NOT NULL,
    unit_price numeric, -- null: it had no price in the account's currency
    amount numeric NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    tax_rate numeric NOT NULL,
    tax_amount numeric NOT NULL,
    tax_name text,
    price_version uuid, -- of a book, a plan or an offer; evidence says of which
    evidence jsonb NOT NULL,
    rated_at timestamptz NOT NULL DEFAULT now(),
    invoice_id uuid,
    UNIQUE (account_id, month, key, number)
);
CREATE INDEX charges_account ON charges (account_id, id);
CREATE INDEX charges_vps ON charges (vps_id, account_id, id);
CREATE INDEX charges_invoice ON charges (invoice_id) WHERE invoice_id IS NOT NULL;
CREATE INDEX charges_open ON charges (account_id, month) WHERE invoice_id IS NULL;
CREATE INDEX charges_tenant ON charges (tenant_id);
CREATE INDEX charges_location ON charges (location_id);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['price_books', 'price_book_versions', 'price_items', 'plan_offer_prices', 'traffic_policies', 'tax_rules', 'charges']
    LOOP
        EXECUTE format('ALTER TABLE %I OWNER TO croft_owner', t);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO croft_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY definer_all ON %I TO croft_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY operator_read ON %I FOR SELECT TO croft_operator USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, DELETE ON %I TO croft_definer', t);
        EXECUTE format('GRANT SELECT ON %I TO croft_operator', t);
    END LOOP;
END
$$;
GRANT UPDATE ON price_books, plan_offer_prices, traffic_policies TO croft_definer;
REVOKE DELETE ON charges, price_books, price_items, plan_offer_prices, traffic_policies FROM croft_definer;
GRANT UPDATE (invoice_id) ON charges TO croft_definer;

-- A seller's own lists. What its seller asks of a tenant it learns from croft_prices_json(), as far as it concerns it.
CREATE POLICY tenant_read ON price_books FOR SELECT TO croft_tenant USING (seller_id = croft_tenant_id());
CREATE POLICY tenant_read ON price_book_versions FOR SELECT TO croft_tenant
    USING (EXISTS (SELECT FROM price_books b WHERE b.id = book_id AND b.seller_id = croft_tenant_id()));
CREATE POLICY tenant_read ON price_items FOR SELECT TO croft_tenant
    USING (EXISTS (SELECT FROM price_book_versions v JOIN price_books b ON b.id = v.book_id
        WHERE v.id = version_id AND b.seller_id = croft_tenant_id()));
CREATE POLICY tenant_read ON plan_offer_prices FOR SELECT TO croft_tenant USING (seller_id = croft_tenant_id());
CREATE POLICY tenant_read ON tax_rules FOR SELECT TO croft_tenant USING (seller_id = croft_tenant_id());
CREATE POLICY tenant_read ON traffic_policies FOR SELECT TO croft_tenant USING (account_id = croft_tenant_id());
-- Who is charged, not whose vps it is: what a reseller pays is not for its tenants.
CREATE POLICY tenant_read ON charges FOR SELECT TO croft_tenant USING (account_id = croft_tenant_id());
GRANT SELECT ON price_books, price_book_versions, price_items, plan_offer_prices, tax_rules, traffic_policies, charges TO croft_tenant;
