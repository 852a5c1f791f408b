-- What a thing costs at a moment. A price that was in force does not change: lists are versions with the second they hold from.

CREATE OR REPLACE FUNCTION croft_currency_digits(p_currency text) RETURNS int LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN p_currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3
        WHEN p_currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 0
        ELSE 2 END; -- ISO 4217

-- The month of UTC that a moment is in: from its first second up to, and without, the next one's.
CREATE OR REPLACE FUNCTION croft_month_start(p_at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    RETURN date_trunc('month', p_at, 'UTC');

CREATE OR REPLACE FUNCTION croft_month_end(p_at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    RETURN (date_trunc('month', p_at AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';

CREATE OR REPLACE FUNCTION croft_seconds(p_from timestamptz, p_to timestamptz) RETURNS numeric LANGUAGE sql IMMUTABLE
    RETURN extract(epoch FROM p_to) - extract(epoch FROM p_from);

-- Within [p_from, p_to): which version of the seller's list holds from when to when; null before the first.
CREATE OR REPLACE FUNCTION croft_price_spans(p_seller uuid, p_currency text, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (version_id uuid, from_ts timestamptz, to_ts timestamptz) LANGUAGE sql STABLE AS $$
    WITH versions AS (
        SELECT v.id, v.valid_from, lead(v.valid_from, 1, 'infinity') OVER (ORDER BY v.valid_from) AS valid_to
        FROM price_books b JOIN price_book_versions v ON v.book_id = b.id
        WHERE b.seller_id = p_seller AND b.currency = p_currency
        UNION ALL
        SELECT NULL, '-infinity', coalesce((SELECT min(v.valid_from) FROM price_books b JOIN price_book_versions v ON v.book_id = b.id
            WHERE b.seller_id = p_seller AND b.currency = p_currency), 'infinity')
    )
    SELECT v.id, greatest(v.valid_from, p_from), least(v.valid_to, p_to)
    FROM versions v WHERE v.valid_from < p_to AND v.valid_to > p_from
$$;

-- The item of a version for a plan in a location: the one that says most.
CREATE OR REPLACE FUNCTION croft_price_item(p_version uuid, p_meter text, p_plan uuid, p_location uuid) RETURNS price_items
LANGUAGE sql STABLE AS $$
    SELECT i FROM price_items i
    WHERE i.version_id = p_version AND i.meter = p_meter
        AND (i.plan_id IS NULL OR i.plan_id = p_plan) AND (i.location_id IS NULL OR i.location_id = p_location)
    ORDER BY i.plan_id NULLS LAST, i.location_id NULLS LAST LIMIT 1
$$;

-- How much of the plan's price a state pays, in percent.
CREATE OR REPLACE FUNCTION croft_state_percent(p_version uuid, p_state text, p_plan uuid, p_location uuid) RETURNS numeric
LANGUAGE sql STABLE
    RETURN CASE WHEN p_state IN ('ending', 'lost') THEN 0 WHEN p_state = 'running' THEN 100
        ELSE coalesce((croft_price_item(p_version, p_state, p_plan, p_location)).percent, CASE p_state WHEN 'held' THEN 0 ELSE 100 END) END;

-- What a reseller's offer of a plan cost, from when to when. Before it was first recorded it cost what it did then.
CREATE OR REPLACE FUNCTION croft_offer_spans(p_seller uuid, p_plan uuid, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (id uuid, price_hour numeric, price_month numeric, currency text, from_ts timestamptz, to_ts timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT x.id, x.price_hour, x.price_month, x.currency, greatest(x.valid_from, p_from), least(x.valid_to, p_to)
    FROM (
        SELECT o.id, o.price_hour, o.price_month, o.currency,
            CASE WHEN row_number() OVER w = 1 THEN '-infinity' ELSE o.valid_from END AS valid_from,
            lead(o.valid_from, 1, 'infinity') OVER w AS valid_to
        FROM plan_offer_prices o WHERE o.seller_id = p_seller AND o.plan_id = p_plan
        WINDOW w AS (ORDER BY o.valid_from)
    ) x
    WHERE x.valid_from < p_to AND x.valid_to > p_from
$$;

-- The tax on a line of a seller to a buyer: of the rules that have begun, the one that says most, of those the latest.
CREATE OR REPLACE FUNCTION croft_tax_rule(a billing_accounts, p_category text, p_at timestamptz) RETURNS tax_rules LANGUAGE sql STABLE AS $$
    SELECT t FROM tax_rules t
    WHERE t.seller_id = a.seller_id AND t.valid_from <= p_at AND NOT a.tax_exempt AND (t.country IS NULL OR t.country = a.country)
        AND (t.region IS NULL OR t.region = a.region) AND (t.category IS NULL OR t.category = p_category)
    ORDER BY t.country NULLS LAST, t.region NULLS LAST, t.category NULLS LAST, t.valid_from DESC LIMIT 1
$$;

-- ---- What keeps the past as it was

-- An offer's price counts from the second in which it was set; of several within a second the last.
CREATE OR REPLACE FUNCTION croft_offer_price_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_at timestamptz := greatest(croft_second(),
        (SELECT max(valid_from) FROM plan_offer_prices WHERE seller_id = NEW.seller_id AND plan_id = NEW.plan_id));
BEGIN
    INSERT INTO plan_offer_prices (seller_id, plan_id, valid_from, price_month, price_hour, currency)
    VALUES (NEW.seller_id, NEW.plan_id, v_at, NEW.price_month, NEW.price_hour, NEW.currency)
    ON CONFLICT (seller_id, plan_id, valid_from) DO UPDATE SET price_month = excluded.price_month, price_hour = excluded.price_hour,
        currency = excluded.currency;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER price_made AFTER INSERT ON plan_offers FOR EACH ROW EXECUTE FUNCTION croft_offer_price_note();
CREATE OR REPLACE TRIGGER price_changed AFTER UPDATE ON plan_offers FOR EACH ROW
    WHEN ((OLD.price_month, OLD.price_hour, OLD.currency) IS DISTINCT FROM (NEW.price_month, NEW.price_hour, NEW.currency))
    EXECUTE FUNCTION croft_offer_price_note();

CREATE OR REPLACE FUNCTION croft_traffic_policy_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_at timestamptz := CASE TG_OP WHEN 'UPDATE' THEN greatest(croft_second(),
        (SELECT max(valid_from) FROM traffic_policies WHERE account_id = NEW.tenant_id)) ELSE croft_second() END;
BEGIN
    INSERT INTO traffic_policies (account_id, valid_from, policy) VALUES (NEW.tenant_id, v_at, NEW.traffic_policy)
    ON CONFLICT (account_id, valid_from) DO UPDATE SET policy = excluded.policy;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER traffic_policy_changed AFTER UPDATE ON billing_accounts FOR EACH ROW
    WHEN (OLD.traffic_policy <> NEW.traffic_policy) EXECUTE FUNCTION croft_traffic_policy_note();
CREATE OR REPLACE TRIGGER traffic_policy_made AFTER INSERT ON billing_accounts FOR EACH ROW EXECUTE FUNCTION croft_traffic_policy_note();

-- A list is made with its items, in one transaction, and goes as a whole, as long as it has not begun.
CREATE OR REPLACE FUNCTION croft_price_item_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM price_book_versions v WHERE v.id = NEW.version_id AND v.created_at = now()) THEN
        RAISE EXCEPTION 'a list of prices that was made does not change';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER item_fixed BEFORE INSERT ON price_items FOR EACH ROW EXECUTE FUNCTION croft_price_item_fixed();

CREATE OR REPLACE FUNCTION croft_price_begun() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.valid_from <= clock_timestamp() THEN
        RAISE EXCEPTION 'what has begun to hold in % does not change', TG_TABLE_NAME;
    END IF;
    RETURN OLD;
END
$$;
CREATE OR REPLACE TRIGGER begun BEFORE DELETE ON price_book_versions FOR EACH ROW EXECUTE FUNCTION croft_price_begun();
CREATE OR REPLACE TRIGGER begun BEFORE DELETE ON tax_rules FOR EACH ROW EXECUTE FUNCTION croft_price_begun();

-- A charge is put on an invoice once. All else of it stands.
CREATE OR REPLACE FUNCTION croft_charge_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.invoice_id IS NOT NULL OR to_jsonb(OLD) - '{invoice_id,kind}'::text[] <> to_jsonb(NEW) - '{invoice_id,kind}'::text[] THEN
        RAISE EXCEPTION 'a charge does not change';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER charge_fixed BEFORE UPDATE ON charges FOR EACH ROW EXECUTE FUNCTION croft_charge_fixed();

CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON price_books FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
