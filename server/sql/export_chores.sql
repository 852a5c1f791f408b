SELECT reply FROM croft_export_chores($1::jsonb) AS reply
