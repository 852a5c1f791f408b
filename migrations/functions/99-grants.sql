-- Who may execute what; the last file, so that it sees every function. What runs as croft_definer is what is SECURITY DEFINER;
-- the rest belongs to croft_owner and has only its caller's rights. A function is for nobody until it is named here.

GRANT CREATE ON SCHEMA public TO croft_definer;

DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS name, p.prosecdef, p.proowner::regrole::text AS owner
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'croft\_%'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, croft_server, croft_tenant, croft_operator, croft_agent', f.name);
        EXECUTE format('ALTER FUNCTION %s OWNER TO %I', f.name, CASE WHEN f.prosecdef THEN 'croft_definer' ELSE 'croft_owner' END);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO croft_definer, croft_owner', f.name);
    END LOOP;
END
$$;

REVOKE CREATE ON SCHEMA public FROM croft_definer;

DO $$
DECLARE
    -- What reads need: no rights of its own, so harmless to everybody.
    readers text[] := ARRAY['croft_tenant_id', 'croft_user_id', 'croft_node_id', 'croft_setting', 'croft_raise', 'croft_etag',
        'croft_cursor', 'croft_cursor_hex', 'croft_cursor_uuid', 'croft_cursor_bigint', 'croft_uuid_min', 'croft_uuid_max',
        'croft_limit', 'croft_page', 'croft_text_max', 'croft_cursor_sorted', 'croft_cursor_parts', 'croft_cursor_id', 'croft_cursor_text',
        'croft_cursor_numeric', 'croft_cursor_int', 'croft_cursor_time', 'croft_labels_match', 'croft_token_json', 'croft_location_json', 'croft_plan_json', 'croft_image_json',
        'croft_vps_json', 'croft_plan_etag', 'croft_plan_offer_json', 'croft_tenant_json', 'croft_holders', 'croft_holder_json',
        'croft_problem_json', 'croft_task_json', 'croft_quotas_json', 'croft_quota_etag', 'croft_root_used', 'croft_vps_amounts', 'croft_principal_json',
        'croft_has_totp', 'croft_impersonator_json', 'croft_session_json', 'croft_profile_json', 'croft_member_json',
        'croft_invitation_json',
        'croft_ssh_key_json', 'croft_address_set_json', 'croft_firewall_json', 'croft_firewall_etag', 'croft_network_json', 'croft_network_ipv4',
        'croft_network_ipv6', 'croft_port_forward_json', 'croft_rdns_json', 'croft_rdns_etag',
        'croft_snapshot_json', 'croft_schedule_json', 'croft_webhook_json', 'croft_delivery_json', 'croft_event_json', 'croft_event_xid', 'croft_xid_max', 'croft_horizon', 'croft_usage_part_json', 'croft_usage_evidence_json', 'croft_quarantine_json', 'croft_meter_vps', 'croft_second', 'croft_series_range', 'croft_series_points', 'croft_series_json', 'croft_usage_range', 'croft_usage_json', 'croft_usage_hour_json', 'croft_usage_last_json',
        'croft_price_book_json', 'croft_price_version_json', 'croft_price_item_json', 'croft_tax_rule_json', 'croft_charge_json', 'croft_month_of',
        'croft_evidence_json', 'croft_money_text', 'croft_currency_digits', 'croft_ledger_entry_json', 'croft_account_json', 'croft_account_etag', 'croft_seller_json',
        'croft_invoice_json', 'croft_invoice_line_json', 'croft_invoice_detail_json', 'croft_payment_json', 'croft_credit_json', 'croft_promotion_json', 'croft_month', 'croft_month_end_json', 'croft_child_month_end_json', 'croft_payment_method_json', 'croft_limit_json', 'croft_pressure_json', 'croft_pressures_json', 'croft_kills_json'];
    operator_readers text[] := ARRAY['croft_payment_provider_json', 'croft_month_summary_json',
        'croft_plan_version_json', 'croft_viewers_json', 'croft_user_json', 'croft_node_json', 'croft_node_etag',
        'croft_join_token_json', 'croft_pool_json', 'croft_orphan_json', 'croft_drift_json', 'croft_check_report_json', 'croft_check_report_etag', 'croft_node_condition', 'croft_sellable',
        'croft_node_load', 'croft_node_reasons', 'croft_node_left', 'croft_pools_free', 'croft_pools_of', 'croft_pool_available', 'croft_plan_kind', 'croft_candidates', 'croft_placement_json', 'croft_placement_ask'];
    tenant_writers text[] := ARRAY['croft_account_update', 'croft_seller_set', 'croft_payment_create', 'croft_credit_redeem', 'croft_child_account_read',
        'croft_child_account_set', 'croft_child_payment_record', 'croft_child_credit_grant', 'croft_child_invoice_finalise', 'croft_child_invoice_void',
        'croft_child_credit_note_create', 'croft_child_payment_refund', 'croft_child_month_end_approve', 'croft_child_month_end_retry', 'croft_promotion_create', 'croft_promotion_update', 'croft_webhook_create', 'croft_webhook_update', 'croft_webhook_delete',
        'croft_webhook_rotate', 'croft_webhook_test', 'croft_webhook_redeliver', 'croft_session_delete', 'croft_token_create', 'croft_token_delete', 'croft_vps_create',
        'croft_session_revoke', 'croft_profile_update', 'croft_password_change', 'croft_totp_begin', 'croft_totp_confirm',
        'croft_totp_delete', 'croft_member_update', 'croft_member_delete', 'croft_invitation_create', 'croft_invitation_delete',
        'croft_ssh_key_create', 'croft_ssh_key_delete', 'croft_firewall_set', 'croft_address_set_create', 'croft_address_set_update', 'croft_address_set_delete',
        'croft_network_create', 'croft_network_delete', 'croft_network_join', 'croft_network_leave', 'croft_port_forward_create',
        'croft_port_forward_delete', 'croft_rdns_set',
        'croft_vps_update', 'croft_vps_reboot', 'croft_vps_suspend', 'croft_vps_resume',
        'croft_vps_publish', 'croft_image_delete', 'croft_snapshot_create', 'croft_snapshot_update', 'croft_snapshot_delete', 'croft_snapshot_restore', 'croft_schedule_set',
        'croft_schedule_delete', 'croft_vps_reinstall', 'croft_vps_rescue', 'croft_vps_unrescue', 'croft_vps_clone',
        'croft_vps_freeze', 'croft_vps_thaw', 'croft_vps_hostname', 'croft_vps_ssh_keys', 'croft_vps_password', 'croft_vps_resize',
        'croft_vps_undelete', 'croft_vps_address_add', 'croft_vps_address_remove', 'croft_task_cancel_order', 'croft_vps_start', 'croft_vps_stop', 'croft_vps_delete',
        'croft_tenant_create', 'croft_tenant_update', 'croft_child_quota_set', 'croft_tenant_suspend', 'croft_tenant_resume',
        'croft_tenant_close', 'croft_tenant_usage', 'croft_bulk_usage', 'croft_export',
        'croft_prices', 'croft_costs', 'croft_child_costs', 'croft_charge_detail', 'croft_price_book_create', 'croft_price_book_update',
        'croft_price_book_version_create', 'croft_price_book_version_delete', 'croft_tax_rule_create', 'croft_tax_rule_delete', 'croft_plan_offer_set', 'croft_plan_offer_delete', 'croft_vps_log', 'croft_console_create'];
    hub text[] := ARRAY['croft_node_hello', 'croft_node_tasks', 'croft_task_progress', 'croft_task_result',
        'croft_image_upload', 'croft_image_seal', 'croft_node_inventory', 'croft_node_usage', 'croft_node_drift', 'croft_node_heartbeat', 'croft_node_offline', 'croft_node_id',
        'croft_node_evidence', 'croft_node_log', 'croft_node_logs_asked'];
    login text[] := ARRAY['croft_billing_chores', 'croft_metrics', 'croft_payment_secret', 'croft_payment_notice', 'croft_scope_held', 'croft_auth_token', 'croft_auth_session', 'croft_auth_node', 'croft_credentials',
        'croft_profile_credentials', 'croft_invitation_find', 'croft_invitation_accept', 'croft_reset_request', 'croft_reset_find',
        'croft_reset_confirm', 'croft_mail_claim', 'croft_mail_result',
        'croft_image_files', 'croft_session_create', 'croft_session_refresh', 'croft_node_join', 'croft_certificate_record', 'croft_housekeeping', 'croft_tenant_chores', 'croft_traffic_chores', 'croft_export_chores', 'croft_webhook_claim', 'croft_rdns_claim', 'croft_rdns_forgo', 'croft_rdns_done',
        'croft_webhook_done', 'croft_console_open', 'croft_console_close', 'croft_console_alive'];
    f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS name, p.proname, p.prosecdef
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'croft\_%'
    LOOP
        IF f.proname = ANY (readers) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO croft_tenant, croft_operator', f.name);
        ELSIF f.proname = ANY (operator_readers) OR f.prosecdef AND f.proname LIKE 'croft\_admin\_%' THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO croft_operator', f.name);
        ELSIF f.proname = ANY (tenant_writers) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO croft_tenant', f.name);
        ELSIF f.proname = ANY (login) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO croft_server', f.name);
        END IF;
        IF f.proname = ANY (hub) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO croft_agent', f.name);
        END IF;
    END LOOP;
END
$$;
