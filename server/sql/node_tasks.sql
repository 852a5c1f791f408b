SELECT reply FROM croft_node_tasks($1::uuid, $2::bigint, $3::jsonb) AS reply
UNION ALL
SELECT reply FROM croft_node_logs_asked($1::uuid, $2::bigint) AS reply
