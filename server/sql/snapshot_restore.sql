SELECT status, body, etag, location FROM croft_snapshot_restore($1::jsonb)
