SELECT status, body, etag, location FROM croft_admin_credit_grant($1::jsonb)
