SELECT id, vps_id, node_id, kind, token_id, session_id, user_id, tenant_id, valid_s FROM croft_console_open($1::jsonb)
