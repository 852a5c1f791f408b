SELECT reply FROM croft_task_result($1::uuid, $2::bigint, $3::jsonb) AS reply
