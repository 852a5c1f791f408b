SELECT set_config('croft.tenant', a.tenant_id::text, true), set_config('croft.user', coalesce(a.user_id::text, ''), true),
    set_config('croft.role', a.role, true), set_config('croft.token', a.token_id::text, true), set_config('role', 'croft_tenant', true),
    a.stale
FROM token_access a
WHERE a.token_hash = $1 AND ($2::uuid IS NULL OR a.tenant_id = $2::uuid)
