SELECT status, body, etag, location FROM croft_ssh_key_create($1::jsonb)
