SELECT reply FROM croft_tenant_chores($1::jsonb) AS reply
