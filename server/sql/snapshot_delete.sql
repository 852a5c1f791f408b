SELECT status, body, etag, location FROM croft_snapshot_delete($1::jsonb)
