SELECT status, body, etag, location FROM croft_bulk_usage($1::jsonb)
