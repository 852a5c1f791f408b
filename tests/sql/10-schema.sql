-- Nothing is forgotten: row-level security, grants, statements.
SELECT test.ok(c.relrowsecurity AND c.relforcerowsecurity, 'row-level security is on and forced: ' || c.relname)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'croft_migrations';

SELECT test.is(c.relowner::regrole::text, 'croft_owner', 'croft_owner owns ' || c.relname)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relname <> 'croft_migrations';

SELECT test.is(string_agg(grantee || ' ' || privilege_type || ' ' || table_name, ','), 'croft_server SELECT token_access',
    'croft_server itself sees who may enter and nothing else')
FROM information_schema.role_table_grants WHERE grantee IN ('croft_server', 'PUBLIC') AND table_schema = 'public';

SELECT test.is(string_agg(DISTINCT privilege_type, ','), 'SELECT', 'only SELECT on tables for ' || grantee)
FROM information_schema.role_table_grants
WHERE grantee IN ('croft_tenant', 'croft_operator', 'croft_agent') AND table_schema = 'public' GROUP BY grantee;

SELECT test.is(string_agg(table_name, ' ' ORDER BY table_name),
    'address_sets billing_accounts billing_sellers charges credits events firewall_sets firewalls image_tenants images invitations_visible invoice_lines invoices ledger_accounts ledger_entries ledger_postings locations memberships month_ends network_members networks payment_providers_visible payments plan_offer_prices plan_offers plans_offered '
    'port_forwards prepaid_checks price_book_versions price_books price_items promotions quotas rdns resources sessions_visible settlements snapshot_periods snapshot_schedules snapshots ssh_keys tasks tax_rules tenants '
    'tokens_visible traffic_policies traffic_states usage_evidence usage_fine usage_gaps usage_hours usage_marks usage_minutes usage_open usage_parts usage_slots users_visible vps vps_evidence vps_logs vps_oom_kills vps_periods webhook_deliveries webhooks_visible',
    'what tenants may read whole')
FROM information_schema.role_table_grants WHERE grantee = 'croft_tenant' AND table_schema = 'public';

SELECT test.is(string_agg(table_name, ' ' ORDER BY table_name), 'images node_status tasks vps', 'what the hub may read')
FROM information_schema.role_table_grants WHERE grantee = 'croft_agent' AND table_schema = 'public';

SELECT test.is(string_agg(format('%s %s', grantee, privilege_type), ', ' ORDER BY grantee, privilege_type),
    'croft_definer INSERT, croft_definer SELECT, croft_operator SELECT, croft_tenant SELECT', 'events are append-only for all but their owner')
FROM information_schema.role_table_grants WHERE grantee <> 'croft_owner' AND table_name = 'events';

SELECT test.ok(NOT has_column_privilege(r, t, c, 'SELECT'), format('%s may not read %s.%s', r, t, c))
FROM unnest(ARRAY['croft_tenant', 'croft_operator', 'croft_agent', 'croft_server']) r,
    (VALUES ('users', 'password_hash'), ('tokens', 'token_hash'), ('join_tokens', 'token_hash'), ('sessions', 'refresh_hash'),
        ('webhooks', 'secret'), ('webhooks', 'old_secret'), ('totp_secrets', 'secret'), ('recovery_codes', 'code_hash'),
        ('invitations', 'token_hash'), ('devices', 'device_hash'), ('payment_providers', 'secret')) s (t, c);

SELECT test.ok(p.prosecdef, 'croft_definer owns only what is SECURITY DEFINER: ' || p.proname)
FROM pg_proc p WHERE p.proowner = 'croft_definer'::regrole AND NOT p.prosecdef;
SELECT test.ok(p.proconfig IS NOT NULL, 'SECURITY DEFINER has a search_path: ' || p.proname)
FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace;
SELECT test.is(string_agg(p.proname, ' '), NULL, 'no function is for everybody')
FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'croft\_%' AND a.grantee = 0;
SELECT test.is(string_agg(p.proname, ' ' ORDER BY p.proname), 'croft_auth_node croft_auth_session croft_auth_token '
    'croft_billing_chores croft_certificate_record croft_console_alive croft_console_close croft_console_open croft_credentials croft_export_chores croft_housekeeping croft_image_files croft_invitation_accept croft_invitation_find croft_mail_claim '
    'croft_mail_result croft_metrics croft_node_join croft_payment_notice croft_payment_secret croft_profile_credentials croft_rdns_claim croft_rdns_done croft_rdns_forgo croft_reset_confirm croft_reset_find croft_reset_request '
    'croft_scope_held croft_session_create croft_session_refresh croft_tenant_chores croft_traffic_chores croft_webhook_claim croft_webhook_done',
    'what croft_server itself may execute')
FROM pg_proc p, aclexplode(p.proacl) a WHERE a.grantee = 'croft_server'::regrole;
SELECT test.is(string_agg(p.proname, ' '), NULL, 'tenants may not execute admin functions')
FROM pg_proc p WHERE p.proname LIKE 'croft\_admin%' AND has_function_privilege('croft_tenant', p.oid, 'execute');

-- Foreign keys whose deletes or joins would read a whole table.
SELECT test.is(string_agg(format('%s(%s)', c.conrelid::regclass, a.attname), ' ' ORDER BY 1), NULL, 'foreign keys have an index')
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND c.confrelid <> 'resources'::regclass
    AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1]);

-- Each statement under its role, from the server's login: prepares, and API statements have the four columns.
DO $do$
DECLARE
    s test.statements;
    v_types text;
BEGIN
    FOR s IN SELECT * FROM test.statements ORDER BY name LOOP
        BEGIN
            PERFORM set_config('role', CASE s.role WHEN 'croft_owner_login' THEN 'none' ELSE s.role END, true);
            EXECUTE 'PREPARE statement_under_test AS ' || s.text;
            PERFORM set_config('role', 'none', true);
            SELECT array_to_string(parameter_types, ' ') INTO v_types FROM pg_prepared_statements WHERE name = 'statement_under_test';
            DEALLOCATE statement_under_test;
            IF s.role IN ('croft_tenant', 'croft_operator') THEN
                PERFORM test.is(v_types, 'jsonb', 'takes one jsonb: ' || s.name);
            ELSE
                PERFORM test.ok(true, 'prepares: ' || s.name);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            PERFORM test.ok(false, 'prepares: ' || s.name, SQLERRM);
        END;
    END LOOP;
END
$do$;
