SELECT reply FROM croft_billing_chores($1::jsonb) AS reply
