-- The books. Nothing is written but by croft_book(), behind the lock of the account (croft_account_lock).

-- {kind: amount, …}: debits above 0, credits below; what is 0 is not posted. The constraints of 0038 keep sums and balances.
CREATE OR REPLACE FUNCTION croft_book(p_tenant uuid, p_currency text, p_kind text, p_reference uuid, p_description text, p_amounts jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_entry uuid;
    v_account ledger_accounts;
    x record;
BEGIN
    IF NOT EXISTS (SELECT FROM jsonb_each_text(p_amounts) e WHERE e.value::numeric <> 0) THEN
        RETURN; -- nothing is owed for nothing
    END IF;
    INSERT INTO ledger_entries (tenant_id, kind, reference_id, description, currency)
        VALUES (p_tenant, p_kind, p_reference, left(p_description, 300), p_currency) RETURNING id INTO v_entry;
    FOR x IN SELECT e.key AS kind, e.value::numeric AS amount FROM jsonb_each_text(p_amounts) e WHERE e.value::numeric <> 0 ORDER BY e.key
    LOOP
        INSERT INTO ledger_accounts (tenant_id, kind, currency) VALUES (p_tenant, x.kind, p_currency)
            ON CONFLICT (tenant_id, currency, kind) DO NOTHING;
        UPDATE ledger_accounts SET balance = balance + x.amount, last = coalesce(last, 0) + 1
            WHERE tenant_id = p_tenant AND kind = x.kind AND currency = p_currency RETURNING * INTO v_account;
        INSERT INTO ledger_postings (entry_id, account_id, tenant_id, number, follows, amount, before, balance)
            VALUES (v_entry, v_account.id, p_tenant, v_account.last, nullif(v_account.last - 1, 0), x.amount,
                v_account.balance - x.amount, v_account.balance);
    END LOOP;
END
$$;

-- Asked when the transaction commits, which is not as whoever wrote it: both sides of an entry are equal, and it has some.
CREATE OR REPLACE FUNCTION croft_entry_balanced() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    v_entry uuid := CASE TG_TABLE_NAME WHEN 'ledger_entries' THEN to_jsonb(NEW)->>'id' ELSE to_jsonb(NEW)->>'entry_id' END;
BEGIN
    IF (SELECT sum(amount) FROM ledger_postings WHERE entry_id = v_entry) IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'the postings of the entry % do not sum to zero', v_entry USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['ledger_entries', 'ledger_postings'] LOOP
        IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t::regclass AND tgname = 'balanced') THEN
            EXECUTE format('CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON %I DEFERRABLE INITIALLY DEFERRED '
                'FOR EACH ROW EXECUTE FUNCTION croft_entry_balanced()', t);
        END IF;
    END LOOP;
END
$$;

-- Not even whoever owns the tables rewrites the books by accident.
CREATE OR REPLACE FUNCTION croft_ledger_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only added to', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['ledger_entries', 'ledger_postings', 'settlements', 'payment_refunds'] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER keep BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION croft_ledger_keep()', t);
        EXECUTE format('CREATE OR REPLACE TRIGGER keep_all BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION croft_ledger_keep()', t);
    END LOOP;
END
$$;

-- What an account has paid in beyond what was asked for; below 0 it owes. Of credits: what is left of them.
CREATE OR REPLACE FUNCTION croft_ledger_balance(p_tenant uuid, p_currency text, p_kind text) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT -balance FROM ledger_accounts WHERE tenant_id = p_tenant AND currency = p_currency AND kind = p_kind), 0)
$$;

-- An amount as the API shows it, with the digits of its currency.
CREATE OR REPLACE FUNCTION croft_money_text(p_amount numeric, p_currency text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN round(p_amount, croft_currency_digits(p_currency))::text;

-- An amount that somebody names: above 0, with no more digits than the currency has.
CREATE OR REPLACE FUNCTION croft_money(p_value text, p_currency text, p_pointer text) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_value !~ '^[0-9]{1,9}(\.[0-9]{1,4})?$' OR p_value::numeric = 0
            OR p_value::numeric <> round(p_value::numeric, croft_currency_digits(p_currency)) THEN
        PERFORM croft_raise(422, 'invalid_value', 'An amount is a decimal string above 0 such as "12.50", with no more digits than its currency.',
            p_pointer);
    END IF;
    RETURN p_value::numeric;
END
$$;

CREATE OR REPLACE FUNCTION croft_ledger_entry_json(e ledger_entries) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', e.id, 'tenant_id', e.tenant_id, 'kind', e.kind, 'reference_id', e.reference_id, 'description', e.description,
        'currency', e.currency,
        -- Receivable and credits are the buyer's own; what they lose it owes or has used.
        'amount', croft_money_text(coalesce(-sum(p.amount) FILTER (WHERE a.kind IN ('receivable', 'credits')), 0), e.currency),
        'postings', json_agg(json_build_object('account', a.kind, 'amount', croft_money_text(p.amount, e.currency)) ORDER BY a.kind),
        'created_at', e.created_at)
    FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id WHERE p.entry_id = e.id
$$;
