SELECT reply FROM croft_housekeeping($1::jsonb) AS reply
