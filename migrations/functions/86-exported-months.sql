-- billing.mode export: a month that is over is charged six hours later, and once more after three days, for usage that came late. What
-- comes after that is an adjustment of the next croft_charge(), if anybody calls it.

-- {billing_mode}: at most twenty accounts. "more": come back at once.
CREATE OR REPLACE FUNCTION croft_export_chores(p_request jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_end timestamptz := croft_month_start(now());
    v_month date := (v_end AT TIME ZONE 'UTC' - interval '1 month')::date;
    v_passes int := CASE WHEN now() >= v_end + interval '3 days' THEN 2 WHEN now() >= v_end + interval '6 hours' THEN 1 ELSE 0 END;
    v_account uuid;
    v_until timestamptz := clock_timestamp() + croft_chore_time();
    v_lines int := 0;
    v_count int := 0;
BEGIN
    IF p_request->>'billing_mode' IS DISTINCT FROM 'export' OR NOT pg_try_advisory_xact_lock(hashtext('croft_export_chores')) THEN
        RETURN '{}';
    END IF;
    FOR v_account IN SELECT a.tenant_id FROM billing_accounts a LEFT JOIN exported_months e ON e.account_id = a.tenant_id AND e.month = v_month
        WHERE a.created_at < v_end AND coalesce(e.passes, 0) < v_passes ORDER BY a.tenant_id LIMIT 20
    LOOP
        EXIT WHEN v_count > 0 AND clock_timestamp() > v_until;
        v_lines := v_lines + croft_charge(v_account, v_month);
        INSERT INTO exported_months AS e (account_id, month, passes) VALUES (v_account, v_month, v_passes)
            ON CONFLICT (account_id, month) DO UPDATE SET passes = excluded.passes, charged_at = now();
        v_count := v_count + 1;
    END LOOP;
    RETURN jsonb_build_object('accounts', v_count, 'lines', v_lines, 'more', v_count = 20);
END
$$;
