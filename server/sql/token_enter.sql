SELECT set_config('croft.tenant', a.tenant_id::text, true), set_config('croft.user', coalesce(a.user_id::text, ''), true),
    set_config('croft.role', a.role, true), set_config('croft.token', a.token_id::text, true), set_config('role', 'croft_tenant', true),
    a.stale
FROM token_access a
WHERE a.token_hash = $1 AND ($2::uuid IS NULL OR a.tenant_id = $2::uuid)
    AND croft_scope_held(a.scopes, $3::text) AND a.role = ANY ($4::text[])
    AND (a.addresses IS NULL OR $5::text::inet <<= ANY (a.addresses))
