SELECT set_config('croft.tenant', a.tenant_id::text, true) AS tenant_id, set_config('croft.user', coalesce(a.user_id::text, ''), true) AS user_id,
    set_config('croft.role', a.role, true) AS role, set_config('croft.token', a.token_id::text, true) AS token_id,
    set_config('role', 'croft_tenant', true) AS db_role, a.stale, a.valid_s
FROM token_access a
WHERE a.token_hash = $1 AND ($2::uuid IS NULL OR a.tenant_id = $2::uuid)
    AND croft_scope_held(a.scopes, $3::text) AND a.role = ANY ($4::text[])
    AND (a.addresses IS NULL OR $5::text::inet <<= ANY (a.addresses))
