SELECT status, body, etag, location FROM croft_snapshot_update($1::jsonb)
