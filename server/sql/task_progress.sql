SELECT reply FROM croft_task_progress($1::uuid, $2::bigint, $3::jsonb) AS reply
