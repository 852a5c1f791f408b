SELECT status, body, etag, location FROM croft_admin_account_set($1::jsonb)
