SELECT p.node_id, set_config('role', p.db_role, true) AS db_role
FROM croft_auth_node($1::uuid, $2::text) p
