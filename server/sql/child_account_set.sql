SELECT status, body, etag, location FROM croft_child_account_set($1::jsonb)
