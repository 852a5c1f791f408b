-- Billing accounts: one a tenant below the root. Who changes what an account owes or is owed holds its row (croft_account_lock).

CREATE OR REPLACE FUNCTION croft_tenant_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In the currency that its seller pays in itself.
    INSERT INTO billing_accounts (tenant_id, seller_id, currency)
    VALUES (NEW.id, NEW.parent_id, coalesce((SELECT o.currency FROM billing_accounts o WHERE o.tenant_id = NEW.parent_id), 'EUR'));
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER tenant_account AFTER INSERT ON tenants FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL)
    EXECUTE FUNCTION croft_tenant_account();

CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON billing_accounts FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER check_prepaid_state BEFORE UPDATE ON billing_accounts FOR EACH ROW
    WHEN (OLD.prepaid_state <> NEW.prepaid_state) EXECUTE FUNCTION croft_check_transition('prepaid_state');

-- In the lock order it comes right behind the tenant: whoever holds a vps no longer asks for it.
CREATE OR REPLACE FUNCTION croft_account_lock(p_tenant uuid) RETURNS billing_accounts LANGUAGE plpgsql AS $$
DECLARE
    a billing_accounts;
BEGIN
    SELECT * INTO a FROM billing_accounts WHERE tenant_id = p_tenant FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('billing account');
    END IF;
    RETURN a;
END
$$;

-- The reseller that asks, active until this transaction ends; null: who asks sells nothing. The operator's staff ask elsewhere.
CREATE OR REPLACE FUNCTION croft_selling() RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_seller uuid := (SELECT id FROM tenants WHERE id = croft_tenant_id() AND kind = 'reseller');
BEGIN
    PERFORM croft_tenant_hold(v_seller);
    RETURN v_seller;
END
$$;
