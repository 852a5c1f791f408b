SELECT status, body, etag, location FROM croft_admin_bulk_usage($1::jsonb)
