SELECT status, body, etag, location FROM croft_child_account_read($1::jsonb)
