SELECT status, body, etag, location FROM croft_admin_quota_set($1::jsonb)
