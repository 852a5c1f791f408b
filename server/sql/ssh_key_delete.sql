SELECT status, body, etag, location FROM croft_ssh_key_delete($1::jsonb)
