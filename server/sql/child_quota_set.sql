SELECT status, body, etag, location FROM croft_child_quota_set($1::jsonb)
