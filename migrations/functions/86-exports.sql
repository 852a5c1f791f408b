-- Charges for other programs: as CSV with everything that a line says, and as rows of FOCUS 1.3 (the FinOps Open Cost and Usage
-- Specification, dataset Cost and Usage; columns in the order of their names). Cursors are ids of charges; one is on one page with its tax.

CREATE OR REPLACE FUNCTION croft_export_time(p_time timestamptz) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN to_char(p_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');

CREATE OR REPLACE FUNCTION croft_charge_row(c charges) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', c.id, 'account_id', c.account_id, 'account_name', t.name, 'account_external_ref', t.external_ref,
        'month', to_char(c.month, 'YYYY-MM'), 'kind', c.kind, 'key', c.key, 'vps_id', c.vps_id, 'vps_name', v.name,
        'vps_external_ref', v.external_ref, 'tenant_id', c.tenant_id, 'location_id', c.location_id, 'meter', c.meter,
        'description', c.description, 'from', croft_export_time(c.from_ts), 'to', croft_export_time(c.to_ts), 'quantity', c.quantity,
        'unit', c.unit, 'unit_price', c.unit_price, 'amount', c.amount, 'currency', c.currency, 'tax_name', c.tax_name,
        'tax_rate', c.tax_rate, 'tax_amount', c.tax_amount, 'invoice_id', c.invoice_id)
    FROM tenants t LEFT JOIN vps v ON v.id = c.vps_id WHERE t.id = c.account_id
$$;

-- What a line is to FOCUS. A correction of what was charged before says so; tax is a row of its own.
CREATE OR REPLACE FUNCTION croft_focus_row(c charges, p_tax boolean) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('BilledCost', x.cost, 'BillingAccountId', c.account_id, 'BillingAccountName', t.name,
        'BillingCurrency', c.currency, 'BillingPeriodEnd', croft_export_time((c.month + interval '1 month') AT TIME ZONE 'UTC'),
        'BillingPeriodStart', croft_export_time(c.month::timestamp AT TIME ZONE 'UTC'),
        'ChargeCategory', CASE WHEN p_tax THEN 'Tax' ELSE 'Usage' END, 'ChargeClass', CASE WHEN c.number > 0 THEN 'Correction' END,
        'ChargeDescription', CASE WHEN p_tax THEN concat_ws(': ', coalesce(c.tax_name, 'Tax'), c.description) ELSE c.description END,
        'ChargeFrequency', 'Usage-Based', 'ChargePeriodEnd', croft_export_time(c.to_ts), 'ChargePeriodStart', croft_export_time(c.from_ts),
        'ConsumedQuantity', CASE WHEN NOT p_tax AND c.number = 0 THEN c.quantity END,
        'ConsumedUnit', CASE WHEN NOT p_tax AND c.number = 0 THEN c.unit END,
        'ContractedCost', x.cost, 'ContractedUnitPrice', CASE WHEN NOT p_tax THEN c.unit_price END, 'EffectiveCost', x.cost,
        'HostProviderName', r.name, 'InvoiceId', c.invoice_id, 'InvoiceIssuerName', s.name, 'ListCost', x.cost,
        'ListUnitPrice', CASE WHEN NOT p_tax THEN c.unit_price END, 'PricingCategory', CASE WHEN NOT p_tax THEN 'Standard' END,
        'PricingQuantity', CASE WHEN NOT p_tax THEN c.quantity END, 'PricingUnit', CASE WHEN NOT p_tax THEN c.unit END,
        'ProviderName', r.name, 'PublisherName', r.name, 'RegionId', c.location_id, 'RegionName', l.title, 'ResourceId', c.vps_id,
        'ResourceName', v.name, 'ResourceType', CASE WHEN c.vps_id IS NOT NULL THEN 'VPS' END,
        'ServiceCategory', CASE WHEN c.meter IN ('traffic', 'ipv4') THEN 'Networking' WHEN c.meter IN ('snapshot', 'backup', 'disk', 'io') THEN 'Storage'
            ELSE 'Compute' END,
        'ServiceName', 'Croft VPS', 'ServiceProviderName', r.name,
        'ServiceSubcategory', CASE WHEN c.meter IN ('traffic', 'ipv4') THEN 'Network Connectivity' WHEN c.meter IN ('snapshot', 'backup') THEN 'Backup Storage'
            WHEN c.meter IN ('disk', 'io') THEN 'Block Storage' ELSE 'Virtual Machines' END,
        'SkuId', CASE WHEN NOT p_tax THEN c.meter END, 'SkuMeter', CASE WHEN NOT p_tax THEN c.meter END,
        'SkuPriceId', CASE WHEN NOT p_tax THEN c.price_version::text END, 'SubAccountId', c.tenant_id, 'SubAccountName', o.name,
        'Tags', coalesce(v.labels, '{}')::text, 'x_ChargeId', c.id, 'x_ExternalRef', v.external_ref, 'x_Key', c.key)
    FROM (SELECT CASE WHEN p_tax THEN c.tax_amount ELSE c.amount END AS cost) x
    JOIN tenants t ON t.id = c.account_id
    JOIN tenants s ON s.id = t.parent_id
    JOIN tenants r ON r.id = croft_root()
    JOIN tenants o ON o.id = c.tenant_id
    LEFT JOIN vps v ON v.id = c.vps_id
    LEFT JOIN locations l ON l.id = c.location_id
$$;

CREATE OR REPLACE FUNCTION croft_export_columns(p_kind text) RETURNS text[] LANGUAGE sql IMMUTABLE
    RETURN CASE p_kind WHEN 'focus' THEN '{BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,
        ChargeCategory,ChargeClass,ChargeDescription,ChargeFrequency,ChargePeriodEnd,ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ContractedCost,
        ContractedUnitPrice,EffectiveCost,HostProviderName,InvoiceId,InvoiceIssuerName,ListCost,ListUnitPrice,PricingCategory,PricingQuantity,
        PricingUnit,ProviderName,PublisherName,RegionId,RegionName,ResourceId,ResourceName,ResourceType,ServiceCategory,ServiceName,
        ServiceProviderName,ServiceSubcategory,SkuId,SkuMeter,SkuPriceId,SubAccountId,SubAccountName,Tags,x_ChargeId,x_ExternalRef,x_Key}'::text[]
    ELSE '{id,account_id,account_name,account_external_ref,month,kind,key,vps_id,vps_name,vps_external_ref,tenant_id,location_id,meter,description,
        from,to,quantity,unit,unit_price,amount,currency,tax_name,tax_rate,tax_amount,invoice_id}'::text[] END;

-- Of accounts that the caller may see. Always CSV; the last month that is over unless told.
CREATE OR REPLACE FUNCTION croft_export_of(p_accounts uuid[], p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_kind text := coalesce(p_req->'query'->>'kind', 'charges');
    v_columns text[] := croft_export_columns(v_kind);
    v_month date := CASE WHEN p_req->'query' ? 'month' THEN (SELECT (from_ts AT TIME ZONE 'UTC')::date FROM croft_period_asked(p_req))
        ELSE (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month')::date END;
    v_after uuid := CASE WHEN p_req->'query' ? 'cursor' THEN croft_cursor_uuid(p_req->'query'->>'cursor') ELSE croft_uuid_min() END;
    v_limit int := least(coalesce((p_req->'query'->>'limit')::int, 1000), 1000);
    v_ids uuid[];
    v_body text;
BEGIN
    v_ids := ARRAY(SELECT c.id FROM charges c WHERE c.id > v_after AND c.month = v_month AND (p_accounts IS NULL OR c.account_id = ANY (p_accounts))
        ORDER BY c.id LIMIT v_limit + 1);
    IF v_kind = 'focus' THEN
        SELECT string_agg(croft_csv_line(croft_focus_row(c, x.tax), v_columns), '' ORDER BY c.id, x.tax) INTO v_body
            FROM charges c CROSS JOIN (VALUES (false), (true)) x (tax) WHERE c.id = ANY (v_ids[:v_limit]) AND (NOT x.tax OR c.tax_amount <> 0);
    ELSE
        SELECT string_agg(croft_csv_line(croft_charge_row(c), v_columns), '' ORDER BY c.id) INTO v_body
            FROM charges c WHERE c.id = ANY (v_ids[:v_limit]);
    END IF;
    RETURN (200, CASE WHEN p_req->'query' ? 'cursor' THEN '' ELSE croft_csv_head(v_columns) END || coalesce(v_body, ''), NULL,
        CASE WHEN cardinality(v_ids) > v_limit THEN croft_cursor(v_ids[v_limit]) END)::croft_answer;
END
$$;

-- An operator's: what it sells itself, or of one account, whoever sells to it.
CREATE OR REPLACE FUNCTION croft_admin_export(p_req jsonb) RETURNS croft_answer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_export_of(CASE WHEN p_req->'query' ? 'tenant_id' THEN ARRAY[(p_req->'query'->>'tenant_id')::uuid]
        ELSE ARRAY(SELECT tenant_id FROM billing_accounts WHERE seller_id = croft_root()) END, p_req)
$$;

-- What one pays, or, with sold, what those below pay to one.
CREATE OR REPLACE FUNCTION croft_export(p_req jsonb) RETURNS croft_answer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_export_of(CASE WHEN (p_req->'query'->>'sold')::boolean
        THEN ARRAY(SELECT tenant_id FROM billing_accounts WHERE seller_id = croft_tenant_id()) ELSE ARRAY[croft_tenant_id()] END, p_req)
$$;
