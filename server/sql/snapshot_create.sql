SELECT status, body, etag, location FROM croft_snapshot_create($1::jsonb)
