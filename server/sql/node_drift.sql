SELECT reply FROM croft_node_drift($1::uuid, $2::bigint, $3::jsonb) AS reply
