SELECT status, body, etag, location FROM croft_account_update($1::jsonb)
