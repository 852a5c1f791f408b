SELECT status, body, etag, location FROM croft_rdns_set($1::jsonb)
