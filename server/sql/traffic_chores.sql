SELECT reply FROM croft_traffic_chores($1::jsonb) AS reply
